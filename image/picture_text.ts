/**
 * Text inside a picture file, of whichever format.
 *
 * @module
 */
import { readHeader } from "./_header.ts";
import { readUserComment } from "./_exif.ts";
import { readPngText } from "./png_text.ts";

/**
 * Reads the texts of a picture file: a PNG's by their keywords, the comment of a JPEG or WebP file as `parameters`,
 * which is what a PNG calls it.
 *
 * @example
 * ```ts
 * import { encodeImage, readPictureText } from "@mobile-diffusion/sdk/image";
 *
 * const pixel = { width: 1, height: 1, data: new Uint8Array(3) };
 * const file = await encodeImage(pixel, "png", { text: { parameters: "a cat" } });
 * await readPictureText(file); // { parameters: "a cat" }
 * ```
 * @throws {TypeError} If it is no PNG, JPEG or WebP file, or a damaged PNG.
 */
export async function readPictureText(bytes: Uint8Array): Promise<Record<string, string>> {
  const { format } = readHeader(bytes);
  if (format === "png") return await readPngText(bytes);
  const comment = await readUserComment(bytes);
  return comment === undefined ? {} : { parameters: comment };
}
