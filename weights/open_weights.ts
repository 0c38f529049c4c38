/**
 * From a path to weights.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { fileSystem } from "./_file_system.ts";
import { refusePickle } from "./_pickle.ts";
import { openShards } from "./sharded.ts";
import type { Weights } from "./weights.ts";
import { openWeightsFile } from "./weights_file.ts";
import { openWeightsFolder, type OpenWeightsOptions, type WeightsFolder } from "./weights_folder.ts";

export type { OpenWeightsOptions };

/**
 * Opens weights by path: a `.safetensors` or `.gguf` file, a `.safetensors.index.json` with its shards, or a component's
 * folder (as `unet/`) with either of them.
 *
 * @throws {WeightsError} If there are no weights, they are damaged or incomplete, or they are pickles
 * (`.bin`, `.ckpt`, `.pt`), which are never opened.
 *
 * @example
 * ```ts ignore
 * import { openWeights } from "@mobile-diffusion/sdk/weights";
 *
 * await using weights = await openWeights("stable-diffusion-v1-5/unet", { variant: "fp16" });
 * ```
 */
export async function openWeights(path: string, options: OpenWeightsOptions = {}): Promise<Weights> {
  refusePickle(path);
  const { readdir, stat } = fileSystem(path);
  const found = await stat(path).catch((cause: Error & { code?: string }) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new WeightsError(`Cannot open "${path}": there is no such file or folder.`, { cause });
  });
  if (found.isDirectory()) return await openWeightsFolder(diskFolder(path, await readdir(path)), options);
  if (!path.endsWith(".json")) return await openWeightsFile(path);
  const [, folder = ".", index = path] = path.match(/^(.*)[\\/](.*)$/) ?? [];
  return await openShards(diskFolder(folder), index);
}

function diskFolder(path: string, files: readonly string[] = []): WeightsFolder {
  return { name: path, files, source: (file) => `${path.replace(/[\\/]$/, "")}/${file}` };
}
