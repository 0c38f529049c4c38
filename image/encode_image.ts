/**
 * Picture files out.
 *
 * @module
 */
import type { Image } from "../core/image.ts";
import { withUserComment } from "./_exif.ts";
import type { ImageFormat } from "./_header.ts";
import { encodeJpeg } from "./_jpeg.ts";
import { encodePng } from "./_png.ts";
import { encodeWebp } from "./_webp.ts";
import { withPngText } from "./png_text.ts";

export type { ImageFormat };

/** The most pixels that a side may have: what the format, or libjpeg, can say. */
const longestSide: Readonly<Record<ImageFormat, number>> = { png: 2 ** 31 - 1, jpeg: 65_500, webp: 16_383 };

/** How a picture is written. */
export interface EncodeOptions {
  /**
   * JPEG and WebP: from 0, small, to 100, close to the original. PNG loses nothing and takes no notice of it.
   *
   * @default {90}
   */
  readonly quality?: number;
  /**
   * Texts by their keyword, such as {@linkcode formatParameters}' under `parameters`. JPEG and WebP have room for this
   * one alone, in EXIF's UserComment.
   */
  readonly text?: Readonly<Record<string, string>>;
}

/**
 * Writes a picture as a file. JPEG and WebP need `--allow-read` for their codec, PNG nothing.
 *
 * @example
 * ```ts
 * import { encodeImage } from "@mobile-diffusion/sdk/image";
 *
 * const red = { width: 1, height: 1, data: Uint8Array.of(255, 0, 0) };
 * const file = await encodeImage(red, "webp", { quality: 80 });
 * ```
 * @throws {RangeError} If the picture's data is not of its size, a side too long, the quality not from 0 to
 * 100, or a keyword not one.
 * @throws {TypeError} If other texts than `parameters` are given for another format than PNG.
 */
export async function encodeImage(
  image: Image,
  format: ImageFormat,
  { quality = 90, text }: EncodeOptions = {},
): Promise<Uint8Array> {
  const { width, height, data } = image;
  if (!(width > 0 && height > 0) || data.length !== 3 * width * height) {
    throw new RangeError(
      `Cannot encode the image: ${width} × ${height} has ${data.length} values, expected 3 for each pixel.`,
    );
  }
  if (!(quality >= 0 && quality <= 100)) {
    throw new RangeError(`Cannot encode the image: quality is ${quality}, expected 0 to 100.`);
  }
  const { parameters, ...others } = text ?? {};
  if (format !== "png" && Object.keys(others).length > 0) {
    throw new TypeError(
      `Cannot encode the image: the text "${
        Object.keys(others)[0]
      }" is given for "${format}", expected "parameters" ` +
        `alone; "png" takes any.`,
    );
  }
  const commented = async (file: Uint8Array, format: "jpeg" | "webp") =>
    parameters === undefined ? file : await withUserComment(file, format, parameters);
  if (Math.max(width, height) > longestSide[format]) {
    throw new RangeError(
      `Cannot encode the image: it is ${width} × ${height}, expected sides up to ${longestSide[format]}.`,
    );
  }
  switch (format) {
    case "png":
      return text === undefined ? encodePng(image) : withPngText(encodePng(image), text);
    case "jpeg":
      return await commented(await encodeJpeg(image, quality), format);
    case "webp":
      return await commented(await encodeWebp(image, quality), format);
    default:
      throw new TypeError(
        `Cannot encode the image: format is "${format}", expected "png", "jpeg" or "webp".`,
      );
  }
}
