/**
 * Text inside a picture file, of whichever format.
 *
 * @module
 */
import { readHeader } from "./_header.ts";
import { readEmbeddedTexts } from "./_embedded_text.ts";
import { readPngText } from "./png_text.ts";

/**
 * Reads the texts of a picture file: a PNG's by their keywords, and what a JPEG or WebP file has by those that a PNG has
 * for the same: its comment as `parameters`, XMP as `XML:com.adobe.xmp`.
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
  return await readEmbeddedTexts(bytes, format);
}
