/**
 * Opens a model folder, whatever its layout and family.
 *
 * @module
 */
import type { Model } from "../core/model.ts";
import { chooseFamily } from "../families/choose.ts";
import type { Family } from "../families/family.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { stableDiffusion } from "../families/stable_diffusion.ts";
import { stableDiffusionXl } from "../families/stable_diffusion_xl.ts";
import { partsBeside, withGivenParts } from "../layouts/given_parts.ts";
import { readComponents } from "../layouts/read_components.ts";
import type { ModelFolder } from "../weights/model_folder.ts";

/** The families of the SDK. */
export const FAMILIES: readonly Family[] = [stableDiffusion, stableDiffusionXl];

/** Options of {@linkcode openModelFolder}. */
export interface OpenFolderOptions extends OpenModelOptions {
  /** The family to take, by its name, or one of your own. @default {the one that recognises the files} */
  readonly family?: Family | string;
}

/**
 * Opens a model by what its folder holds: diffusers' layout with safetensors, an ONNX model for each network, Core ML
 * models, or a single `.safetensors` file.
 *
 * @throws {UnsupportedModelError} If the model is of no family that is known.
 * @throws {TypeError} If there is nothing of this kind, or a file is missing or malformed.
 * @throws {WeightsError} If a single file is damaged.
 *
 * @example
 * ```ts ignore
 * const model = await openModelFolder(await localFolder("stable-diffusion-v1-5"), { backend: native() });
 * ```
 */
export async function openModelFolder(folder: ModelFolder, options: OpenFolderOptions): Promise<Model> {
  const { family: asked, ...rest } = options;
  const families = typeof asked === "object" ? [asked] : FAMILIES;
  const read = await readComponents(folder, rest, families);
  const files = await withGivenParts(read, folder, { ...partsBeside(read, folder), ...rest });
  return await chooseFamily(files, families, asked).open(files, rest);
}
