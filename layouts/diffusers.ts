/**
 * The folder layout of Hugging Face diffusers, with weights as safetensors: a folder a network.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { variantOf } from "../core/model_files.ts";
import type { Components, Program } from "../families/components.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { type ModelFolder, readJson, readOptionalJson } from "../weights/model_folder.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/** Folders with a `config.json` that are no networks of the model itself. */
const beside = /^(?:safety_checker|feature_extractor|image_encoder|scheduler|tokenizer|control_|lora_)/;

/**
 * Reads all configurations, and no weights.
 *
 * @throws {TypeError} If a file is malformed.
 */
export async function readDiffusers(
  folder: ModelFolder,
  { variant, tokenizer }: Pick<OpenModelOptions, "variant" | "tokenizer">,
): Promise<Components> {
  const found = [...folder.files].flatMap((file) => file.match(/^(\w+)\/config\.json$/)?.[1] ?? []);
  const roles = found.filter((role) => !beside.test(role)).sort();
  const configs = new Map<string, Json>();
  for (const role of roles) configs.set(role, await readJson(folder, `${role}/config.json`));
  const index = await readOptionalJson(folder, "model_index.json");
  const scheduler = await readOptionalJson(folder, "scheduler/scheduler_config.json");
  const files = [...folder.files];
  const need = (role: string): Program => ({
    kind: "weights",
    open: () => {
      const own = variantOf(role, files, variant);
      return folder.weights(role, own === undefined ? {} : { variant: own });
    },
  });
  return {
    name: folder.name,
    layout: "diffusers",
    ...index !== undefined && { index },
    ...scheduler !== undefined && { scheduler },
    roles: new Set(roles),
    config: (role) => configs.get(role),
    program: (role) => configs.has(role) ? need(role) : undefined,
    need,
    tokenizer: (role) => tokenizerFiles(folder, tokenizer, role),
    folder,
  };
}
