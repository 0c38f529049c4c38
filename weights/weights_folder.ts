/**
 * The weights of one component, chosen among the files of its folder, wherever that folder is.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { chooseWeights, weightsFiles } from "../core/model_files.ts";
import { isPickle, pickleError } from "./_pickle.ts";
import type { ByteSource } from "./random_access.ts";
import { openShards } from "./sharded.ts";
import { openWeightsFile } from "./weights_file.ts";
import type { Weights } from "./weights.ts";

/** A component's folder, as `unet/`: on disk, dropped on a page, or anywhere else. */
export interface WeightsFolder {
  /** What error messages call it. */
  readonly name: string;
  /** Names of the files in it, without those in folders below. */
  readonly files: Iterable<string>;
  /** Where the bytes of a file are. */
  source(file: string): ByteSource;
}

/** Options of {@linkcode openWeightsFolder} and {@linkcode openWeights}. */
export interface OpenWeightsOptions {
  /**
   * The variant to open in a folder that holds several, as `"fp16"` in `model.fp16.safetensors`. When absent,
   * the plain file is opened, or else the only variant that there is.
   */
  readonly variant?: string;
}

/**
 * Opens the weights in a component's folder: one `.safetensors` or `.gguf` file, or an index with its shards. A GGUF file
 * may have any name where it is the only one.
 *
 * @throws {WeightsError} If there are none of that variant, they are damaged or incomplete, or there are only
 * pickles (`.bin`, `.ckpt`, `.pt`), which are never opened.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, memoryWeights, openWeightsFolder } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = { dtype: "F16", shape: [2], data: new Uint16Array(2) } as const;
 * const files = new Map([["model.fp16.safetensors", await encodeSafetensors(memoryWeights({ bias }))]]);
 * await using weights = await openWeightsFolder({
 *   name: "text_encoder",
 *   files: files.keys(),
 *   source: (file) => files.get(file)!,
 * });
 * console.log([...weights.names()]); // [ "bias" ]
 * ```
 */
export async function openWeightsFolder(
  folder: WeightsFolder,
  options: OpenWeightsOptions = {},
): Promise<Weights> {
  const files = [...folder.files];
  const chosen = chooseWeights(files, options.variant);
  if (chosen === undefined) throw nothingToOpen(folder, files, options);
  return chosen.isIndex
    ? await openShards(folder, chosen.name)
    : await openWeightsFile(folder.source(chosen.name));
}

function nothingToOpen(
  folder: WeightsFolder,
  files: readonly string[],
  { variant }: OpenWeightsOptions,
): WeightsError {
  const variants = new Set(weightsFiles(files).map((file) => file.variant));
  const pickle = files.find(isPickle);
  if (variants.size === 0 && pickle !== undefined) return pickleError(`${folder.name}/${pickle}`);
  const wanted = variant === undefined
    ? "diffusion_pytorch_model.safetensors or model.safetensors"
    : `variant "${variant}"`;
  const present = [...variants].map((name) => name === undefined ? "the plain one" : `"${name}"`).join(", ");
  const state = variants.size === 0 ? "it has no such file" : `it has these variants: ${present}`;
  return new WeightsError(`Cannot open weights in "${folder.name}": ${state}, expected ${wanted}.`);
}
