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

/** Sum of two sizes. */
export function plus(a: Dimension, b: Dimension): Dimension {
  return typeof a === "number" && typeof b === "number" ? a + b : `(${a}+${b})`;
}

/** A size over a whole number, rounded down. */
export function over(a: Dimension, divisor: number): Dimension {
  return typeof a === "number" ? Math.floor(a / divisor) : `floor(${a}/${divisor})`;
}

/** Size after a window of `kernel` moves by `stride` over a size padded by `padding` in all. */
export function windowed(size: Dimension, kernel: number, stride: number, padding: number): Dimension {
  return stride === 1
    ? shifted(size, padding - kernel + 1)
    : shifted(over(shifted(size, padding - kernel), stride), 1);
}

/** Whether two sizes may be equal: they are, or one of them is not known yet. */
export function compatible(a: Dimension, b: Dimension): boolean {
  return a === b || typeof a === "string" || typeof b === "string";
}

/**
 * The number that a size stands for.
 *
 * @param free Values of the free sizes by name.
 * @throws {RangeError} If a name has no value.
 */
export function evaluate(size: Dimension, free: Readonly<Record<string, number>>): number {
  if (typeof size === "number") return size;
  const tokens = size.match(/floor|[A-Za-z_][\w.]*|\d+|[()+*/-]/g) ?? [];
  let position = 0;
  const take = () => tokens[position++] ?? "";
  const binary = (operators: Record<string, (a: number, b: number) => number>, operand: () => number) => {
    let value = operand();
    for (
      let apply = operators[tokens[position]!];
      apply !== undefined;
      apply = operators[tokens[position]!]
    ) {
      take();
      value = apply(value, operand());
    }
    return value;
  };
  const factor = (): number => {
    const token = take();
    if (token === "(" || token === "floor") {
      if (token === "floor") take();
      const value = sum();
      take();
      return token === "floor" ? Math.floor(value) : value;
    }
    const value = /^\d/.test(token) ? Number(token) : free[token];
    if (value === undefined) {
      throw new RangeError(`Cannot evaluate the size "${size}": "${token}" has no value.`);
    }
    return value;
  };
  const product = () => binary({ "*": (a, b) => a * b, "/": (a, b) => a / b }, factor);
  const sum = (): number => binary({ "+": (a, b) => a + b, "-": (a, b) => a - b }, product);
  return sum();
}

function shifted(size: Dimension, by: number): Dimension {
  if (by === 0) return size;
  if (typeof size === "number") return size + by;
  return by > 0 ? `(${size}+${by})` : `(${size}-${-by})`;
}
