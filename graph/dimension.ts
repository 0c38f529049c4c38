/**
 * Sizes that may be known only when a program runs.
 *
 * @module
 */

/** A size: a number, or an expression over the names of an input's free sizes, as `"height"` or `"height*width"`. */
export type Dimension = number | string;

/** Product of two sizes. */
export function times(a: Dimension, b: Dimension): Dimension {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  return `${a}*${b}`;
}

/** Size after a convolution or pooling window. */
export function windowed(size: Dimension, kernel: number, stride: number, padding: number): Dimension {
  if (typeof size === "number") return Math.floor((size + padding - kernel) / stride) + 1;
  if (stride === 1 && padding === kernel - 1) return size;
  return `conv(${size},${kernel},${stride},${padding})`;
}

/** Sum of two sizes. */
export function plus(a: Dimension, b: Dimension): Dimension {
  return typeof a === "number" && typeof b === "number" ? a + b : `(${a}+${b})`;
}

/** Whether two sizes may be the same: equal, or at least one not known yet. */
export function compatible(a: Dimension, b: Dimension): boolean {
  return a === b || typeof a === "string" || typeof b === "string";
}
