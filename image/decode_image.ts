/**
 * Picture files in.
 *
 * @module
 */
import type { Image } from "../core/image.ts";
import { jpegScans, readHeader } from "./_header.ts";
import { decodeJpeg } from "./_jpeg.ts";
import { decodePng } from "./_png.ts";
import { decodeWebp } from "./_webp.ts";

/** Scans of a progressive JPEG at the largest size; encoders write 6 to 14. */
const mostScans = 16;

/** What is let in. */
export interface DecodeOptions {
  /**
   * The most pixels that a file may say it has; one that says more is refused before memory is taken for it.
   *
   * @default {64_000_000}
   */
  readonly maxPixels?: number;
}

/**
 * Reads a PNG, JPEG or WebP file, whichever its first bytes say it is. Transparent parts come on white; grey,
 * palette and 16-bit pictures become RGB of 8 bits; a JPEG is turned as its EXIF orientation says.
 *
 * JPEG and WebP need `--allow-read` for their codec, PNG nothing.
 *
 * @example
 * ```ts
 * import { decodeImage, encodeImage } from "@mobile-diffusion/sdk/image";
 *
 * const file = await encodeImage({ width: 1, height: 1, data: Uint8Array.of(255, 0, 0) }, "png");
 * await decodeImage(file); // { width: 1, height: 1, data: Uint8Array [255, 0, 0] }
 * ```
 * @throws {TypeError} If the file is of another kind, or damaged.
 * @throws {RangeError} If the picture is larger than `maxPixels`, or a JPEG goes over its pixels too often.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { maxPixels = 64_000_000 } = options;
  const { format, width, height } = readHeader(bytes);
  if (width * height > maxPixels) {
    throw new RangeError(
      `Cannot decode the image: it is ${width} × ${height} pixels, expected at most ${maxPixels} in all.`,
    );
  }
  const scans = format === "jpeg" ? jpegScans(bytes) : 1;
  if (scans * width * height > mostScans * maxPixels) {
    throw new RangeError(
      `Cannot decode the image: its ${scans} scans go over ${width} × ${height} pixels each, expected at most ` +
        `${mostScans * maxPixels} pixels in all.`,
    );
  }
  return await { png: decodePng, jpeg: decodeJpeg, webp: decodeWebp }[format](bytes);
}
