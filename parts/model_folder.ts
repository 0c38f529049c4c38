/**
 * The files of a model, wherever they are: a folder on disk, files dropped on a page, bytes in memory.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { openWeights, type OpenWeightsOptions } from "../weights/open_weights.ts";
import type { Weights } from "../weights/weights.ts";

/** Files by their paths relative to the model, with "/" between names. */
export interface ModelFolder {
  /** What to call the model. */
  readonly name: string;
  /** Paths of all files. */
  readonly files: ReadonlySet<string>;
  /** The bytes of a file; only for small ones. */
  read(path: string): Promise<Uint8Array>;
  /** Opens the weights of a component, as `unet`. */
  weights(component: string, options?: OpenWeightsOptions): Promise<Weights>;
}

/**
 * A folder on disk.
 *
 * @throws {TypeError} If there is no such folder.
 */
export async function localFolder(path: string): Promise<ModelFolder> {
  const { readdir, readFile } = await import("node:fs/promises");
  const entries = await readdir(path, { recursive: true }).catch((cause: Error & { code?: string }) => {
    const problem = cause.code === "ENOENT" ? "there is no such folder" : cause.message;
    throw new TypeError(`Cannot open the model "${path}": ${problem}.`, { cause });
  });
  const root = path.replace(/[/\\]+$/, "");
  const files = new Set(entries.map((entry) => entry.replaceAll("\\", "/")));
  return {
    name: root.split(/[/\\]/).at(-1) ?? root,
    files,
    read: (file) => readFile(`${root}/${file}`),
    weights: (component, options) => openWeights(`${root}/${component}`, options),
  };
}

/** Files in memory, or dropped on a page. */
export function memoryFolder(name: string, files: Readonly<Record<string, Uint8Array | Blob>>): ModelFolder {
  const source = (path: string) => {
    const file = files[path];
    if (file === undefined) {
      throw new WeightsError(`Cannot read "${path}" of ${name}: there is no such file.`);
    }
    return file;
  };
  return {
    name,
    files: new Set(Object.keys(files)),
    async read(path) {
      const file = files[path];
      if (file === undefined) throw new TypeError(`Cannot read "${path}" of ${name}: there is no such file.`);
      return file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file;
    },
    async weights(component) {
      const found = Object.keys(files).find((path) =>
        path.startsWith(`${component}/`) && path.endsWith(".safetensors")
      );
      if (found === undefined) {
        throw new WeightsError(`Cannot open ${component} of ${name}: it has no safetensors file.`);
      }
      return await openSafetensors(files[found]!);
    },
  };
}

/** A model's JSON file. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON object.
 *
 * @throws {TypeError} If the file is missing or not a JSON object.
 */
export async function readJson(folder: ModelFolder, path: string): Promise<Json> {
  const text = await readText(folder, path);
  if (text === undefined) {
    throw new TypeError(`Cannot open the model "${folder.name}": "${path}" is missing.`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch (cause) {
    throw new TypeError(`Cannot open the model "${folder.name}": "${path}" is not JSON.`, { cause });
  }
  throw new TypeError(`Cannot open the model "${folder.name}": "${path}" is not a JSON object.`);
}

/** Reads a text file; `undefined` where there is none. */
export async function readText(folder: ModelFolder, path: string): Promise<string | undefined> {
  return folder.files.has(path) ? new TextDecoder().decode(await folder.read(path)) : undefined;
}
