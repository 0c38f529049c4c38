import type { Image } from "../core/image.ts";

/** Lightness of every pixel, 0 … 255: ITU-R 601's weights in the integers that Pillow has. */
export function greyLevels({ data }: Image): Uint8Array {
  const levels = new Uint8Array(data.length / 3);
  for (let i = 0; i < levels.length; i++) {
    levels[i] = (19_595 * data[3 * i]! + 38_470 * data[3 * i + 1]! + 7_471 * data[3 * i + 2]! + 0x8000) >> 16;
  }
  return levels;
}
