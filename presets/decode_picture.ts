/** Reads picture files that are handed in, cut to the size that is wanted. */
import type { ImageDecoder } from "../pipeline/generation.ts";
import { decodeImage, resizeImage } from "../image/mod.ts";

/** The {@linkcode ImageDecoder} of every pipeline made here. What stands out of the wanted proportions is cut off. */
export const decodePicture: ImageDecoder = async (file, { width, height, pixels, multipleOf }) => {
  const image = await decodeImage(file);
  const ratio = image.width / image.height;
  const side = (length: number) => Math.max(1, Math.round(length / multipleOf)) * multipleOf;
  const size = {
    width: width ?? side(height === undefined ? Math.sqrt(pixels * ratio) : height * ratio),
    height: height ?? side(width === undefined ? Math.sqrt(pixels / ratio) : width / ratio),
  };
  return size.width === image.width && size.height === image.height ? image : resizeImage(image, size);
};
