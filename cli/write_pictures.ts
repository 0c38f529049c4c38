/**
 * Pictures to files.
 *
 * @module
 */
import { mkdtemp, rename, rm, rmdir, writeFile } from "node:fs/promises";
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

/** Writes `house.png`, or `house-1.png`, `house-2.png`, … for several, and gives their paths. */
export async function writePictures(images: readonly GeneratedImage[], out: string): Promise<string[]> {
  const paths = images.map((_, i) => images.length === 1 ? out : out.replace(/(\.\w+)$/, `-${i + 1}$1`));
  for (const [i, image] of images.entries()) {
    await writeWhole(paths[i]!, await image.encode(formatOf(out)));
  }
  return paths;
}

/** Beside its place first: whatever happens, no half-written file has the name. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const folder = await mkdtemp(join(dirname(path), ".generate-"));
  try {
    await writeFile(join(folder, "picture"), bytes);
    await rename(join(folder, "picture"), path);
  } catch (cause) {
    throw new UsageError(`Cannot write the picture to "${path}": ${reasonOf(cause)}.`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
