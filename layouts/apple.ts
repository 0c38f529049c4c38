/**
 * The layouts of Apple's `ml-stable-diffusion`: a `Resources` folder with compiled Core ML models, or a folder of the
 * packages that its converter writes.
 *
 * @module
 */
import { coremlModels } from "../core/model_files.ts";
import type { Components, Program } from "../families/components.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { type ModelFolder, readOptionalJson } from "../weights/model_folder.ts";
import { AppleLayout, type ApplePart } from "./_apple_files.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/** Apple's names of the parts, by role. */
const parts: Readonly<Record<string, ApplePart>> = {
  text_encoder: "TextEncoder",
  text_encoder_2: "TextEncoder2",
  unet: "Unet",
  controlled_unet: "ControlledUnet",
  vae_decoder: "VAEDecoder",
  vae_encoder: "VAEEncoder",
};

/** Whether a folder holds Core ML models. */
export function isAppleFolder(folder: ModelFolder): boolean {
  return coremlModels(folder.files).length > 0;
}

/**
 * Reads which parts there are. Their controls are roles too: `control_Canny`.
 *
 * @throws {TypeError} If the files are not on disk, where alone Core ML reads them.
 */
export async function readApple(
  folder: ModelFolder,
  { tokenizer }: Pick<OpenModelOptions, "tokenizer">,
): Promise<Components> {
  const layout = new AppleLayout(folder);
  const index = await readOptionalJson(folder, "model_index.json");
  const controls = layout.controls().map((name) => `control_${name}`);
  const own = Object.keys(parts).filter((role) => layout.find(parts[role]!).length > 0);
  const roles = new Set([...own, ...controls]);
  const need = (role: string): Program => {
    const part = parts[role];
    const paths = part === undefined ? [layout.control(role.replace(/^control_/, ""))] : layout.get(part);
    return { kind: "coreml", paths };
  };
  return {
    name: folder.name,
    layout: "Core ML",
    ...index !== undefined && { index },
    roles,
    config: () => undefined,
    program: (role) => roles.has(role) ? need(role) : undefined,
    need,
    tokenizer: (role) => tokenizerFiles(folder, tokenizer, role),
    folder,
  };
}
