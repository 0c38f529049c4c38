/**
 * A LoRA as people have it: a file, or a folder as PEFT and diffusers save it, with what stands beside the tensors.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { builtin } from "../core/platform.ts";
import type { ByteSource } from "../weights/random_access.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { isPeftKey } from "./_lora_names.ts";
import type { LoraFile } from "./read_lora.ts";

/** PEFT's file, whose alpha is in the configuration beside it alone. */
const peftFile = "adapter_model.safetensors";
const peftConfig = "adapter_config.json";

/**
 * Opens a LoRA: a safetensors file or its bytes, or a folder with `adapter_model.safetensors` (PEFT),
 * `pytorch_lora_weights.safetensors` (diffusers), or one safetensors file of any name. PEFT's `adapter_config.json` is
 * read too where it lies beside a file with PEFT's names.
 *
 * @throws {WeightsError} If there is no such file or it is damaged, or the folder holds none or several.
 *
 * @example
 * ```ts ignore
 * await using file = await openLoraFile("./my-lora"); // with adapter_model.safetensors and adapter_config.json
 * const lora = await readLora(file, modules);
 * ```
 */
export async function openLoraFile(source: ByteSource): Promise<LoraFile> {
  if (typeof source !== "string") return await openSafetensors(source);
  const path = await fileIn(source);
  const file = await openSafetensors(path);
  const isPeft = /(?:^|[/\\])adapter_model\.safetensors$/.test(path) || [...file.names()].some(isPeftKey);
  if (file.metadata["lora_adapter_metadata"] !== undefined || !isPeft) return file;
  const config = await readText(path.replace(/[^/\\]*$/, peftConfig));
  return config === undefined
    ? file
    : { ...file, metadata: { ...file.metadata, lora_adapter_metadata: config } };
}

/** The file itself, or the one that a folder holds. */
async function fileIn(path: string): Promise<string> {
  const files = await list(path);
  if (files === undefined) return path;
  const found = files.filter((name) => name.endsWith(".safetensors"));
  const [known] = [peftFile, "pytorch_lora_weights.safetensors"].filter((name) => found.includes(name));
  const name = known ?? (found.length === 1 ? found[0] : undefined);
  if (name !== undefined) return `${path.replace(/[/\\]+$/, "")}/${name}`;
  const state = found.length === 0
    ? "holds no safetensors file"
    : `holds ${found.length} files (${found.join(", ")})`;
  throw new WeightsError(
    `Cannot open the LoRA "${path}": the folder ${state}, expected one. Name the file itself.`,
  );
}

/** Names in a folder; nothing where it is none, or this platform has no files. */
async function list(path: string): Promise<string[] | undefined> {
  try {
    const { readdir, stat } = builtin("node:fs/promises");
    return (await stat(path)).isDirectory() ? (await readdir(path)).sort() : undefined;
  } catch {
    return undefined;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await builtin("node:fs/promises").readFile(path, "utf8");
  } catch {
    return undefined;
  }
}
