/**
 * Reads a model's files, whatever their layout.
 *
 * @module
 */
import { checkpointFiles, isOnnxModel } from "../core/model_files.ts";
import type { Components } from "../families/components.ts";
import type { Family } from "../families/family.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { isAppleFolder, readApple } from "./apple.ts";
import { readDiffusers } from "./diffusers.ts";
import { readOnnx } from "./onnx.ts";
import { readSingleFile } from "./single_file.ts";

/**
 * Reads the first of these that is there: diffusers' layout with safetensors, an ONNX model for each network, Core ML
 * models, a single `.safetensors` or `.gguf` file.
 *
 * @param families Who knows the names in single files.
 * @throws {TypeError} If there is nothing of this kind, or a file is malformed.
 * @throws {WeightsError} If a single file is damaged.
 * @throws {UnsupportedModelError} If a single file is of another family.
 */
export async function readComponents(
  folder: ModelFolder,
  options: Omit<OpenModelOptions, "backend">,
  families: readonly Family[],
): Promise<Components> {
  const has = (pattern: RegExp) => [...folder.files].some((file) => pattern.test(file));
  if (isOnnxModel([...folder.files])) return await readOnnx(folder, options);
  if (folder.files.has("unet/config.json")) return await readDiffusers(folder, options);
  if (isAppleFolder(folder)) return await readApple(folder, options);
  if (checkpointFiles(folder.files).length > 0) return await readSingleFile(folder, options, families);
  if (has(/^(?:model_index\.json|\w+\/config\.json)$/)) return await readDiffusers(folder, options);
  throw new TypeError(
    `Cannot open the model "${folder.name}": it has ${folder.files.size} files, but none of unet/config.json ` +
      `(diffusers), unet/model.onnx (ONNX), Unet.mlmodelc (Core ML), or a .safetensors or .gguf file (single file).`,
  );
}
