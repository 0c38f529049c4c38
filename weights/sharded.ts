/**
 * Weights spread over several files.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { withEncodings } from "./_encoded_names.ts";
import { missingTensor } from "./_missing.ts";
import { openFile } from "./_safetensors_file.ts";
import { HeaderProblem } from "./_safetensors_header.ts";
import { openRandomAccess } from "./random_access.ts";
import type { Weights } from "./weights.ts";
import type { WeightsFolder } from "./weights_folder.ts";

/**
 * Several sets of weights as one. Disposing the result disposes them all.
 *
 * @throws {WeightsError} If two of them have a tensor of the same name.
 *
 * @example
 * ```ts
 * import { joinWeights, memoryWeights } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = memoryWeights({ bias: { dtype: "F32", shape: [2], data: new Float32Array(2) } });
 * const weight = memoryWeights({ weight: { dtype: "F32", shape: [2, 1], data: new Float32Array(2) } });
 * console.log([...joinWeights([bias, weight]).names()]); // [ "bias", "weight" ]
 * ```
 */
export function joinWeights(parts: readonly Weights[]): Weights {
  const owners = new Map<string, Weights>();
  for (const part of parts) {
    for (const name of part.names()) {
      if (owners.has(name)) {
        throw new WeightsError(`Cannot join weights: two of them have a tensor "${name}".`);
      }
      owners.set(name, part);
    }
  }
  return {
    names: () => owners.keys(),
    info: (name) => owners.get(name)?.info(name),
    async read(name) {
      const owner = owners.get(name);
      if (owner === undefined) throw missingTensor(name);
      return await owner.read(name);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
    },
  };
}

/**
 * Opens all shards that an index names. The index is Hugging Face's `*.safetensors.index.json`:
 * `{ "weight_map": { TENSOR: FILE } }`.
 *
 * @param folder The folder of the index and its shards; its list of files is not looked at.
 * @param index The index's file name.
 * @throws {WeightsError} If the index is damaged, a shard is missing, or a tensor is not in the shard it
 * should be in.
 *
 * @example
 * ```ts ignore
 * import { openShards } from "@mobile-diffusion/sdk/weights";
 *
 * const folder = { name: "unet", files: [], source: (file: string) => `unet/${file}` };
 * await using weights = await openShards(folder, "diffusion_pytorch_model.safetensors.index.json");
 * ```
 */
export async function openShards(folder: WeightsFolder, index: string): Promise<Weights> {
  const shardOf = await readIndex(folder, index);
  const shards = new Map<string, Weights>();
  try {
    for (const file of new Set(shardOf.values())) shards.set(file, await openShard(folder, file));
    for (const [name, file] of shardOf) {
      if (shards.get(file)?.info(name) === undefined) {
        throw damaged(folder, index, `tensor "${name}" is not in "${file}", where it should be`);
      }
    }
    return await withEncodings(joinWeights([...shards.values()])); // scales may be in another shard
  } catch (error) {
    await Promise.all([...shards.values()].map((shard) => shard[Symbol.asyncDispose]()));
    throw error instanceof HeaderProblem ? damaged(folder, index, error.message) : error;
  }
}

async function openShard(folder: WeightsFolder, file: string): Promise<Weights> {
  try {
    return await openFile(folder.source(file), (shard) => shard);
  } catch (cause) {
    if (!(cause instanceof WeightsError)) throw cause;
    throw new WeightsError(`Cannot open shard "${file}" of "${folder.name}". ${cause.message}`, { cause });
  }
}

async function readIndex(folder: WeightsFolder, index: string): Promise<ReadonlyMap<string, string>> {
  await using source = await openRandomAccess(folder.source(index));
  const text = new TextDecoder().decode(await source.read(0, source.size));
  let parsed: { readonly weight_map?: unknown } | null;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw damaged(folder, index, "it is not JSON", { cause });
  }
  const shardOf = new Map(Object.entries(parsed?.weight_map ?? {}));
  if (shardOf.size === 0) throw damaged(folder, index, "it has no weight_map of tensors to files");
  for (const [name, file] of shardOf) {
    if (typeof file !== "string" || !/^[^\\/]+$/.test(file)) {
      const problem = `tensor "${name}" is in ${JSON.stringify(file)}, expected a file beside the index`;
      throw damaged(folder, index, problem);
    }
  }
  return shardOf;
}

function damaged(
  folder: WeightsFolder,
  index: string,
  problem: string,
  options?: ErrorOptions,
): WeightsError {
  return new WeightsError(`Cannot open "${folder.name}/${index}": ${problem}.`, options);
}
