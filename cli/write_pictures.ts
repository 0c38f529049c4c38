/**
 * Pictures to files.
 *
 * @module
 */
import { link, lstat, mkdtemp, rename, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GeneratedImage, ImageFormat } from "../pipeline/generation.ts";
import { reasonOf } from "./_reason.ts";
import { UsageError } from "./usage.ts";

const formats: Readonly<Record<string, ImageFormat>> = {
  png: "png",
  jpg: "jpeg",
  jpeg: "jpeg",
  webp: "webp",
};

/**
 * The format that a file's name says.
 *
 * @throws {UsageError} If it says none that we write.
 */
export function formatOf(path: string): ImageFormat {
  const format = formats[path.match(/\.(\w+)$/)?.[1]?.toLowerCase() ?? ""];
  if (format !== undefined) return format;
  throw new UsageError(`Cannot write "${path}": expected a name that ends in .png, .jpg or .webp.`);
}

/**
 * Asks before the work, not after it.
 *
 * @throws {UsageError} If no file can be made in the folder of `path`.
 */
export async function checkWritable(path: string): Promise<void> {
  await mkdtemp(join(dirname(path), ".generate-")).then(rmdir).catch((cause: unknown) => {
    throw new UsageError(`Cannot write the picture to "${path}": ${reasonOf(cause)}.`);
  });
}

/**
 * Writes `house.png`, or `house-1.png`, `house-2.png`, … for several and where the name is taken, and gives their paths.
 *
 * @param force Whether names that are taken are taken all the same.
 */
export async function writePictures(
  images: readonly GeneratedImage[],
  out: string,
  force: boolean,
): Promise<string[]> {
  const paths: string[] = [];
  let number = images.length === 1 ? 0 : 1;
  for (const image of images) {
    const written = await writeFree(await image.encode(formatOf(out)), out, force, number);
    paths.push(written.path);
    number = written.next;
  }
  return paths;
}

/** Writes a file under the first name that is free, `out` itself having the number 0, and says which is next. */
export async function writeFree(
  bytes: Uint8Array,
  out: string,
  force: boolean,
  first = 0,
): Promise<{ readonly path: string; readonly next: number }> {
  for (let number = first;; number++) {
    const path = number === 0 ? out : out.replace(/(\.\w+)$/, `-${number}$1`);
    if (await writeWhole(path, bytes, force, number)) return { path, next: number + 1 };
  }
}

/**
 * Beside its place first: whatever happens, no half-written file has the name.
 *
 * @returns Whether the name was free, or taken by force.
 */
async function writeWhole(path: string, bytes: Uint8Array, force: boolean, number: number): Promise<boolean> {
  const folder = await mkdtemp(join(dirname(path), ".generate-"));
  const part = join(folder, "picture");
  try {
    await writeFile(part, bytes);
    if (force) await rename(part, path);
    else await link(part, path); // which takes no name that is there, even one that came a moment ago
    return true;
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code === "EEXIST" && number < mostTried) return false;
    if (!force && (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS")) { // a file system without links
      if (await lstat(path).then(() => true, () => false)) return false;
      await rename(part, path);
      return true;
    }
    throw new UsageError(`Cannot write the picture to "${path}": ${reasonOf(cause)}.`);
  } finally {
    await unlink(part).catch(() => {}); // a rename has taken it away
    await rmdir(folder);
  }
}

/** Numbers after which a folder counts as full. */
const mostTried = 100_000;
