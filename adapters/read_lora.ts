/**
 * Reads LoRA files of every common kind for Stable Diffusion 1.x and 2.x, however their tools spell its modules: LoRA,
 * LoCon, LoHa, LoKr, DoRA and full differences. Which modules there are comes from the model, never from the file.
 *
 * @module
 */
import { trainedClipSkip } from "../weights/trained_clip_skip.ts";
import { WeightsError } from "../core/errors.ts";
import type { Weights } from "../weights/weights.ts";
import { checkArchitecture } from "./_architecture.ts";
import { parseKey, refuseWholeWeight } from "./_lora_keys.ts";
import { readAdapterSettings } from "./_lora_metadata.ts";
import { isPeftKey, spellings } from "./_lora_names.ts";
import { readLayers } from "./_read_layer.ts";
import { adapterKinds } from "./kinds/mod.ts";
import type { Lora, LoraLayer } from "./lora.ts";
import type { LoraModules } from "./lora_modules.ts";
import type { WeightAdapter } from "./weight_adapter.ts";

/** A file of tensors with, perhaps, the metadata of its header. */
export interface LoraFile extends Weights {
  /** The `__metadata__` of a safetensors header. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode readLora}. */
export interface ReadLoraOptions {
  /** Whether keys that belong to no module of the model are an error, or a list in the result. @default {true} */
  readonly strict?: boolean;
  /** Kinds of adapters beside those that are known; they are asked first. @default {[]} */
  readonly adapters?: readonly WeightAdapter[];
  /** Told what the file leaves open, and what is assumed. @default {nobody} */
  readonly onWarning?: (message: string) => void;
}

/**
 * Reads a LoRA into memory and checks every number of it. The file may be closed afterwards.
 *
 * @param modules What the model has, see {@linkcode loraModules}. A LoRA for the UNet alone may be read without the
 * text encoder's modules; the rest is unmatched then.
 * @throws {UnsupportedModelError} If the file holds an adapter of another kind (OFT, GLoRA, …).
 * @throws {WeightsError} If it was made for another architecture, has keys without a module, or has factors that do
 * not fit together, are missing, are not finite, or have rank 0 or alpha 0.
 *
 * @example
 * ```ts ignore
 * import { loraModules, readLora } from "@mobile-diffusion/sdk/adapters";
 * import { openSafetensors } from "@mobile-diffusion/sdk/weights";
 *
 * await using file = await openSafetensors("style.safetensors");
 * const lora = await readLora(file, { unet: loraModules(unetGraph), textEncoder: loraModules(textEncoderGraph) });
 * ```
 */
export async function readLora(
  file: LoraFile,
  modules: LoraModules,
  { strict = true, adapters = [], onWarning }: ReadLoraOptions = {},
): Promise<Lora> {
  const kinds = adapterKinds(adapters);
  const groups = new Map<string, Map<string, string>>();
  const unmatched: string[] = [];
  for (const key of file.names()) {
    const parsed = parseKey(key, kinds);
    if (parsed === undefined) {
      unmatched.push(key);
      continue;
    }
    const group = groups.get(parsed.stem) ?? new Map<string, string>();
    groups.set(parsed.stem, group.set(parsed.role, key));
  }
  checkArchitecture(file, groups, modules);
  const settings = readAdapterSettings(file.metadata ?? {});
  const places = spellings(modules);
  for (const key of unmatched) refuseWholeWeight(key, (stem) => places.has(stem));
  const layers: LoraLayer[] = [];
  for (const [stem, keys] of groups) {
    const place = places.get(stem);
    if (place === undefined) {
      unmatched.push(...keys.values());
      continue;
    }
    const shape = modules[place.target]!.get(place.module)!;
    const context = { ...place, shape, settings: settings[place.target], kinds };
    layers.push(...await readLayers(file, keys, context));
  }
  if (unmatched.length > 0 && (strict || layers.length === 0)) {
    throw strangers(unmatched, layers, file.metadata);
  }
  if (layers.length === 0) {
    throw new WeightsError("Cannot load LoRA: the file is empty, expected pairs of factors.");
  }
  if (leavesAlphaOpen(file)) {
    onWarning?.(
      "The LoRA is PEFT's, which keeps its alpha in adapter_config.json, and there is none beside it: its strength is " +
        "taken as 1, as if alpha were the rank.",
    );
  }
  const skipped = trainedClipSkip(file.metadata);
  if (skipped > 0 && layers.some(({ target }) => target === "textEncoder")) {
    onWarning?.(
      `The LoRA's header says that it was trained with clip skip ${
        skipped + 1
      }, which it does not set: here that is clipSkip ` +
        `${skipped}.`,
    );
  }
  return { layers, unmatched };
}

/** PEFT's own file with neither alphas nor its configuration. */
function leavesAlphaOpen({ metadata = {}, ...file }: LoraFile): boolean {
  if (metadata["lora_adapter_metadata"] !== undefined) return false;
  const names = [...file.names()];
  return names.some(isPeftKey) && !names.some((name) => name.endsWith(".alpha"));
}

function strangers(
  keys: readonly string[],
  layers: readonly LoraLayer[],
  metadata: LoraFile["metadata"] = {},
): WeightsError {
  const some = keys.slice(0, 3).map((key) => `"${key}"`).join(", ");
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  const said = metadata["modelspec.architecture"] ?? metadata["ss_base_model_version"];
  const made = said === undefined ? "" : ` Its header says that it is for ${JSON.stringify(said)}.`;
  const words = keys.some((key) => key.startsWith("bundle_emb."))
    ? " Those of bundle_emb are words for prompts: readBundledInversions and --inversion read them."
    : "";
  const end = layers.length === 0
    ? `no key fits the model.${made}`
    : `${layers.length} layers do. Read it with strict: false to leave these keys out.${words}`;
  return new WeightsError(`Cannot load LoRA: ${some}${more} belong to no layer of the model; ${end}`);
}
