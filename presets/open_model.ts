/**
 * Opens a model folder, whatever its layout.
 *
 * @module
 */
import type { Model } from "../core/model.ts";
import { isAppleFolder, openApple } from "../families/stable_diffusion/apple.ts";
import { checkpointFiles, openCheckpointModel } from "../layouts/single_file.ts";
import { openDiffusers } from "../layouts/diffusers.ts";
import { refuseOtherFamilies } from "../families/choose.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { openOnnx } from "../families/stable_diffusion/onnx.ts";
import type { OpenModelOptions } from "../families/open_options.ts";

/**
 * Opens a model by what its folder holds; the first of these that is there:
 *
 * 1. diffusers' layout with safetensors, see {@linkcode openDiffusers};
 * 2. an ONNX model for each network, see {@linkcode openOnnx};
 * 3. Core ML models, see {@linkcode openApple};
 * 4. a single `.safetensors` file, see {@linkcode openCheckpointModel}.
 *
 * @throws {UnsupportedModelError} If the model is of another family.
 * @throws {TypeError} If there is nothing of this kind, or a file is missing or malformed.
 * @throws {WeightsError} If a single file is damaged.
 *
 * @example
 * ```ts ignore
 * const model = await openModelFolder(await localFolder("stable-diffusion-v1-5"), { backend: native() });
 * ```
 */
export async function openModelFolder(folder: ModelFolder, options: OpenModelOptions): Promise<Model> {
  const has = (pattern: RegExp) => [...folder.files].some((file) => pattern.test(file));
  const onnx = has(/^unet\/[^/]+\.onnx$/);
  const safetensors = has(/^unet\/[^/]+\.safetensors$/);
  if (folder.files.has("unet/config.json") && (safetensors || !onnx)) {
    return await openDiffusers(folder, options);
  }
  if (onnx) return await openOnnx(folder, options);
  if (isAppleFolder(folder)) return await openApple(folder, options);
  if (checkpointFiles(folder).length > 0) return await openCheckpointModel(folder, options);
  await refuseOtherFamilies(folder);
  throw new TypeError(
    `Cannot open the model "${folder.name}": it has ${folder.files.size} files, but none of unet/config.json ` +
      `(diffusers), unet/model.onnx (ONNX), Unet.mlmodelc (Core ML), or a .safetensors file (single file).`,
  );
}
