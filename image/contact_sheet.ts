/**
 * Several pictures as one, to look at them side by side.
 *
 * @module
 */
import type { Image } from "../core/image.ts";

/** How pictures are laid out. */
export interface ContactSheetOptions {
  /** Pictures in a row. @default {all of them} */
  readonly columns?: number;
  /** White pixels between them. @default {0} */
  readonly gap?: number;
}

/**
 * Pictures of one size side by side, row by row, on white.
 *
 * @example
 * ```ts
 * import { contactSheet } from "@mobile-diffusion/sdk/image";
 *
 * const picture = { width: 8, height: 8, data: new Uint8Array(3 * 8 * 8) };
 * contactSheet([picture, picture, picture], { columns: 2, gap: 1 }).width; // 17
 * ```
 * @throws {RangeError} If there are no pictures, they differ in size, or `columns` or `gap` is not a whole number
 * in its range.
 */
export function contactSheet(
  images: readonly Image[],
  { columns = images.length, gap = 0 }: ContactSheetOptions = {},
): Image {
  const [first] = images;
  if (first === undefined) throw new RangeError("Cannot make a sheet of no pictures: expected at least one.");
  if (!Number.isSafeInteger(columns) || columns < 1 || !Number.isSafeInteger(gap) || gap < 0) {
    throw new RangeError(
      `Cannot make a sheet of ${columns} columns with gaps of ${gap}: expected whole numbers, at least 1 and 0.`,
    );
  }
  const { width, height } = first;
  const other = images.find((image) => image.width !== width || image.height !== height);
  if (other !== undefined) {
    throw new RangeError(
      `Cannot put pictures of ${width} × ${height} and ${other.width} × ${other.height} on one sheet: ` +
        `expected one size.`,
    );
  }
  const across = Math.min(columns, images.length) * (width + gap) - gap;
  const down = Math.ceil(images.length / columns) * (height + gap) - gap;
  const data = new Uint8Array(3 * across * down).fill(255);
  images.forEach((image, i) => {
    const [left, top] = [(i % columns) * (width + gap), Math.floor(i / columns) * (height + gap)];
    for (let y = 0; y < height; y++) {
      const line = image.data.subarray(3 * y * width, 3 * (y + 1) * width);
      data.set(line, 3 * ((top + y) * across + left));
    }
  });
  return { width: across, height: down, data };
}
