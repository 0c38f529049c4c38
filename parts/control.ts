/**
 * ControlNets, T2I-Adapters and plugins from their folders.
 *
 * @module
 */
import type { Backend } from "../backends/backend.ts";
import type { Precision, PrecisionName } from "../backends/precision.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Control } from "../core/parts.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import type { ControlOpener } from "./_control_opener.ts";
import { openControlNet } from "./_controlnet.ts";
import { openControlPlugin, openT2IAdapter } from "./_feature_control.ts";
import type { Json } from "../core/json.ts";
import { type ModelFolder, readJson } from "../weights/model_folder.ts";
import { networkFile } from "../weights/network_file.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { Weights } from "../weights/weights.ts";
import { ResidualAdder } from "./_residuals.ts";

/** Options of {@linkcode openControl}. */
export interface OpenControlOptions {
  /** What runs it. Residuals stay on the device if this is the UNet's backend too. */
  readonly backend: Backend;
  /** How it is held and computed. @default {"float32"} */
  readonly dtype?: Precision | PrecisionName;
  /** The folder in `folder` that holds it, as `"control_edges"`. @default {the folder itself} */
  readonly component?: string;
  /** Which of several weight files to take, as `"fp16"`. */
  readonly variant?: string;
  /** The UNet that it will steer: refuses a control that does not fit it. */
  readonly unet?: UnetArchitecture;
  /** Stops a load that is under way. */
  readonly signal?: AbortSignal;
}

/**
 * Opens and loads a control. What it is stands in its `config.json`: `ControlNetModel` and `T2IAdapter` as diffusers
 * writes them, or `ControlPlugin`. A single file tells it by its tensors, under original names or those of diffusers.
 *
 * @throws {UnsupportedModelError} If it is of another kind, or does not fit the UNet.
 * @throws {WeightsError} If its weights are missing or damaged.
 * @throws {TypeError} If its configuration is missing or malformed.
 *
 * @example
 * ```ts ignore
 * import { localFolder, native } from "@mobile-diffusion/sdk";
 * import { openControl } from "@mobile-diffusion/sdk/parts";
 *
 * await using edges = await openControl(await localFolder("sd-controlnet-canny"), { backend: native() });
 * ```
 */
export async function openControl(folder: ModelFolder, options: OpenControlOptions): Promise<Control> {
  const { backend, dtype = "float32", unet, signal } = options;
  await using owned = new AsyncDisposableStack();
  const { config, weights } = await controlFiles(folder, options, owned);
  const open = openers.get(config._class_name);
  if (open === undefined) {
    throw new UnsupportedModelError(
      `Cannot open the control "${folder.name}": its class is ${JSON.stringify(config._class_name)}, ` +
        `expected ${[...openers.keys()].join(", ")}.`,
    );
  }
  const loadOptions = signal === undefined ? { dtype } : { dtype, signal };
  const opened = await open(config, {
    load: async (graph) => owned.use(await backend.load({ kind: "graph", graph, weights }, loadOptions)),
    adder: owned.use(new ResidualAdder(backend)),
    ...unet !== undefined && { unet },
  });
  const kept = owned.move();
  return { ...opened, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const openers: ReadonlyMap<unknown, ControlOpener> = new Map([
  ["ControlNetModel", openControlNet],
  ["T2IAdapter", openT2IAdapter],
  ["ControlPlugin", openControlPlugin],
]);

/** A folder with a `config.json`, or one file of any name, which tells what it is by its tensors. */
async function controlFiles(
  folder: ModelFolder,
  { component = ".", variant, unet }: OpenControlOptions,
  owned: AsyncDisposableStack,
): Promise<{ readonly config: Json; readonly weights: Weights }> {
  const prefix = component === "." ? "" : `${component}/`;
  const files = [...folder.files].filter((file) =>
    file.startsWith(prefix) && /^[^/]+\.safetensors$/.test(file.slice(prefix.length))
  );
  if (folder.files.has(`${prefix}config.json`) || files.length !== 1) {
    return {
      config: await readJson(folder, `${prefix}config.json`),
      weights: owned.use(await folder.weights(component, variant === undefined ? {} : { variant })),
    };
  }
  const file = owned.use(await openSafetensors(folder.source(files[0]!)));
  return networkFile(file, {
    kinds: ["ControlNetModel", "T2IAdapter"],
    // Shapes tell neither groups nor heads: a control is made like the network that it steers.
    fields: unet === undefined ? {} : {
      norm_num_groups: unet.normGroups,
      // diffusers' name for the number of heads; the last level's is the middle's, too.
      attention_head_dim: unet.levels.map(({ down }, i) =>
        (i === unet.levels.length - 1 ? unet.mid?.transformer : undefined)?.heads ?? down[0]?.heads ?? 1
      ),
    },
  });
}
