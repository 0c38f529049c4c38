/**
 * Models exported to ONNX, in the layouts of optimum, of diffusers' old script and of Microsoft's demonstrations: a
 * folder for each network with its `.onnx` file.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import type { Components, Program } from "../families/components.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { type ModelFolder, readOptionalJson } from "../weights/model_folder.ts";
import { onnxBytes, onnxFile, onnxSource } from "./_onnx_files.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/**
 * Reads what configurations there are.
 *
 * @throws {TypeError} If a file is malformed.
 */
export async function readOnnx(
  folder: ModelFolder,
  { variant, tokenizer }: Pick<OpenModelOptions, "variant" | "tokenizer">,
): Promise<Components> {
  const roles = new Set<string>();
  for (const path of folder.files) {
    const [role, file] = path.split("/");
    if (file?.endsWith(".onnx") && onnxFile(folder, role!, variant) !== undefined) roles.add(role!);
  }
  const configs = new Map<string, Json>();
  for (const role of [...roles, "vae", "vae_decoder", "vae_encoder"]) {
    const config = await readOptionalJson(folder, `${role}/config.json`);
    if (config !== undefined) configs.set(role, config);
  }
  const index = await readOptionalJson(folder, "model_index.json");
  const scheduler = await readOptionalJson(folder, "scheduler/scheduler_config.json");
  const program = (role: string): Program | undefined => {
    const file = onnxFile(folder, role, variant);
    if (file === undefined) return undefined;
    return {
      kind: "onnx",
      source: () => onnxSource(folder, file),
      bytes: () => onnxBytes(folder, file),
      model: () => folder.read(file),
    };
  };
  return {
    name: folder.name,
    layout: "ONNX",
    ...index !== undefined && { index },
    ...scheduler !== undefined && { scheduler },
    roles,
    config: (role) => configs.get(role),
    program,
    need(role) {
      const found = program(role);
      if (found !== undefined) return found;
      const suffix = variant === undefined ? "" : `_${variant}`;
      throw new TypeError(
        `Cannot open the model "${folder.name}": ${role} has no ONNX model${
          variant === undefined ? "" : ` of variant "${variant}"`
        }, expected "${role}/model${suffix}.onnx".`,
      );
    },
    tokenizer: (role) => tokenizerFiles(folder, tokenizer, role),
    folder,
  };
}
