/**
 * The weights of one component, chosen among the files of its folder, wherever that folder is.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
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

/** What components' weights are called before any suffix: diffusers' networks, transformers', diffusers' LoRAs. */
const stems = ["diffusion_pytorch_model", "model", "pytorch_lora_weights"];

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
  const named = files.flatMap(parseName);
  const gguf = files.filter((name) => /\.gguf$/i.test(name));
  const candidates: readonly WeightsFileName[] = named.length > 0 || gguf.length !== 1
    ? named
    : [{ name: gguf[0]!, stem: stems[0]!, variant: options.variant }];
  const variants = new Set(candidates.map((file) => file.variant));
  const onlyVariant = variants.size === 1 ? candidates[0]!.variant : undefined;
  const chosen = candidates
    .filter((file) => file.variant === (options.variant ?? onlyVariant))
    .sort((a, b) => stems.indexOf(a.stem) - stems.indexOf(b.stem))
    .at(0);
  if (chosen === undefined) throw nothingToOpen(folder, files, variants, options);
  return chosen.name.endsWith(".json")
    ? await openShards(folder, chosen.name)
    : await openWeightsFile(folder.source(chosen.name));
}

interface WeightsFileName {
  readonly name: string;
  readonly stem: string;
  readonly variant: string | undefined;
}

/** `STEM[.VARIANT].safetensors` or `.gguf`, or the index of shards, whose variant stands at one of two places. */
function parseName(name: string): WeightsFileName[] {
  const match = name.match(/^(\w+)(?:\.(\w+))?\.(?:gguf|safetensors(?:\.index(?:\.(\w+))?\.json)?)$/);
  const [, stem, early, late] = match ?? [];
  return stem !== undefined && stems.includes(stem) ? [{ name, stem, variant: early ?? late }] : [];
}

function nothingToOpen(
  folder: WeightsFolder,
  files: readonly string[],
  variants: ReadonlySet<string | undefined>,
  { variant }: OpenWeightsOptions,
): WeightsError {
  const pickle = files.find(isPickle);
  if (variants.size === 0 && pickle !== undefined) return pickleError(`${folder.name}/${pickle}`);
  const wanted = variant === undefined
    ? `${stems[0]}.safetensors or ${stems[1]}.safetensors`
    : `variant "${variant}"`;
  const present = [...variants].map((name) => name === undefined ? "the plain one" : `"${name}"`).join(", ");
  const state = variants.size === 0 ? "it has no such file" : `it has these variants: ${present}`;
  return new WeightsError(`Cannot open weights in "${folder.name}": ${state}, expected ${wanted}.`);
}
