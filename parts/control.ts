/**
 * ControlNets, T2I-Adapters and plugins from their folders.
 *
 * @module
 */
import type { Backend, ComputeType } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Control } from "../core/parts.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import type { ControlOpener } from "./_control_opener.ts";
import { openControlNet } from "./_controlnet.ts";
import { openControlPlugin, openT2IAdapter } from "./_feature_control.ts";
import { type ModelFolder, readJson } from "../weights/model_folder.ts";
import { ResidualAdder } from "./_residuals.ts";

/** Options of {@linkcode openControl}. */
export interface OpenControlOptions {
  /** What runs it. Residuals stay on the device if this is the UNet's backend too. */
  readonly backend: Backend;
  /** Arithmetic. @default {"float32"} */
  readonly dtype?: ComputeType;
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
 * writes them, or `ControlPlugin`.
 *
 * @throws {UnsupportedModelError} If it is of another kind, or does not fit the UNet.
 * @throws {WeightsError} If its weights are missing or damaged.
 * @throws {TypeError} If its configuration is missing or malformed.
 *
 * @example
 * ```ts ignore
 * import { localFolder, openControl } from "@mobile-diffusion/sdk";
 * import { native } from "@mobile-diffusion/sdk/backends/native";
 *
 * await using edges = await openControl(await localFolder("sd-controlnet-canny"), { backend: native() });
 * ```
 */
export async function openControl(folder: ModelFolder, options: OpenControlOptions): Promise<Control> {
  const { backend, dtype = "float32", component = ".", variant, unet, signal } = options;
  const config = await readJson(folder, component === "." ? "config.json" : `${component}/config.json`);
  const open = openers.get(config._class_name);
  if (open === undefined) {
    throw new UnsupportedModelError(
      `Cannot open the control "${folder.name}": its class is ${JSON.stringify(config._class_name)}, ` +
        `expected ${[...openers.keys()].join(", ")}.`,
    );
  }
  await using owned = new AsyncDisposableStack();
  const weights = owned.use(await folder.weights(component, variant === undefined ? {} : { variant }));
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
