/** What tells a file from others, for the record of a picture. */
import type { Fingerprint } from "../pipeline/picture_sources.ts";
import { builtin } from "../core/platform.ts";

/** More than this is not hashed, in bytes: it would take longer than people look at. */
const cheap = 2 ** 28;

/** SHA-256 of a file or of bytes; of a large one its size; nothing where there is no such file, as of names. */
export const fingerprint: Fingerprint = async (source) => {
  const bytes = typeof source === "string" ? await fileBytes(source) : source;
  if (bytes === undefined || typeof bytes === "string") return bytes;
  const size = bytes instanceof Blob ? bytes.size : bytes.length;
  const { subtle } = globalThis.crypto; // absent from pages without a certificate, whatever its type says
  if (size > cheap || subtle === undefined) return `${size} bytes`;
  const data = bytes instanceof Blob ? await bytes.arrayBuffer() : new Uint8Array(bytes);
  const hash = new Uint8Array(await subtle.digest("SHA-256", data));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

async function fileBytes(path: string): Promise<Uint8Array | string | undefined> {
  try {
    const { readFile, stat } = builtin("node:fs/promises");
    const { size } = await stat(path);
    return size > cheap ? `${size} bytes` : await readFile(path);
  } catch {
    return undefined;
  }
}

/** Size of a file, or of all files in a folder, in bytes; nothing where there is none. */
export async function sizeOnDisk(path: string): Promise<number | undefined> {
  try {
    const { readdir, stat } = builtin("node:fs/promises");
    const found = await stat(path);
    if (!found.isDirectory()) return found.size;
    const entries = await readdir(path, { recursive: true });
    const sizes = await Promise.all(entries.map(async (entry) => {
      const { size, isFile } = await stat(`${path}/${entry}`).then((s) => ({
        size: s.size,
        isFile: s.isFile(),
      }));
      return isFile ? size : 0;
    }));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return undefined;
  }
}
