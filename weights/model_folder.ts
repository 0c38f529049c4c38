/**
 * The files of a model, wherever they are: a folder on disk, files dropped on a page, bytes in memory.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { builtin } from "../core/platform.ts";
import { type ByteSource, openRandomAccess } from "./random_access.ts";
import type { Weights } from "./weights.ts";
import { openWeightsFolder, type OpenWeightsOptions } from "./weights_folder.ts";

export type { Json } from "../core/json.ts";

/** Files by their paths relative to the model, with "/" between names. */
export interface ModelFolder {
  /** What to call the model. */
  readonly name: string;
  /** Where the folder is on disk, if it is. */
  readonly path?: string;
  /** Paths of all files. */
  readonly files: ReadonlySet<string>;
  /**
   * Where the bytes of a file are: a path, a `Blob`, or the bytes themselves.
   *
   * @throws {TypeError} If there is no such file.
   */
  source(path: string): ByteSource;
  /** The bytes of a file; only for small ones. */
  read(path: string): Promise<Uint8Array>;
  /** Opens the weights of a component, as `unet`; `.` is the folder itself. */
  weights(component: string, options?: OpenWeightsOptions): Promise<Weights>;
}

/**
 * A folder on disk, or a single file as a folder that holds nothing else.
 *
 * @throws {TypeError} If there is no such folder.
 */
export async function localFolder(path: string): Promise<ModelFolder> {
  const { readdir, stat } = builtin("node:fs/promises");
  const found = await stat(path).catch((cause: Error & { code?: string }) => {
    const problem = cause.code === "ENOENT" ? "there is no such folder" : cause.message;
    throw new TypeError(`Cannot open the model "${path}": ${problem}.`, { cause });
  });
  const [, parent = ".", name = path] = path.replace(/[/\\]+$/, "").match(/^(?:(.*)[/\\])?([^/\\]+)$/) ?? [];
  const root = found.isDirectory() ? path.replace(/(?<=.)[/\\]+$/, "") : parent;
  const entries = found.isDirectory() ? await readdir(path, { recursive: true }) : [name];
  const files = new Set(entries.map((entry) => entry.replaceAll("\\", "/")));
  return { path: root, ...folderOf(name, files, (file) => `${root}/${file}`) };
}

/** Files in memory, or dropped on a page. */
export function memoryFolder(name: string, files: Readonly<Record<string, Uint8Array | Blob>>): ModelFolder {
  return folderOf(name, new Set(Object.keys(files)), (file) => files[file]!);
}

function folderOf(
  name: string,
  files: ReadonlySet<string>,
  locate: (file: string) => ByteSource,
): ModelFolder {
  const source = (file: string) => {
    if (files.has(file)) return locate(file);
    throw new TypeError(`Cannot read "${file}" of the model "${name}": there is no such file.`);
  };
  return {
    name,
    files,
    source,
    async read(file) {
      await using bytes = await openRandomAccess(source(file));
      return await bytes.read(0, bytes.size);
    },
    weights(component, options) {
      const prefix = component === "." ? "" : `${component}/`;
      const own = [...files].filter((file) => file.startsWith(prefix)).map((file) =>
        file.slice(prefix.length)
      );
      return openWeightsFolder({
        name: prefix === "" ? name : `${name}/${component}`,
        files: own.filter((file) => !file.includes("/")),
        source: (file) => source(`${prefix}${file}`),
      }, options);
    },
  };
}

/**
 * Reads a JSON object.
 *
 * @throws {TypeError} If the file is missing or not a JSON object.
 */
export async function readJson(folder: ModelFolder, path: string): Promise<Json> {
  const value = await readOptionalJson(folder, path);
  if (value !== undefined) return value;
  throw new TypeError(`Cannot open the model "${folder.name}": "${path}" is missing.`);
}

/**
 * Reads a JSON object; `undefined` where there is no file.
 *
 * @throws {TypeError} If the file is not a JSON object.
 */
export async function readOptionalJson(folder: ModelFolder, path: string): Promise<Json | undefined> {
  const text = await readText(folder, path);
  if (text === undefined) return undefined;
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
