/** What the operators compute, in loops that one can read. Weights are {@linkcode at}, as `weight()` makes them. */
import type { Tensor } from "../core/tensor.ts";

/** Element i of a weight, or of a ramp. */
export function at(i: number): number {
  return Math.fround(Math.sin(1 + 1.7 * i));
}

/** Applies a function to every element. */
export function map({ data, shape }: Tensor, f: (value: number, index: number) => number): Tensor {
  return { data: data.map(f), shape };
}

/** Row-major elements of a matrix. */
export function table(
  rows: number,
  columns: number,
  f: (row: number, column: number) => number,
): Float32Array {
  return Float32Array.from(
    { length: rows * columns },
    (_, i) => f(Math.floor(i / columns), i % columns),
  );
}

/** Sum of `length` terms. */
export function dot(length: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += term(i);
  return sum;
}

/** Probability that a normal number is below x, from its series; fit for |x| < 4. */
export function normalCdf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= x * x / (2 * n + 1);
    sum += term;
  }
  return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}

/** Runs of `length` elements at mean 0 and variance 1. */
export function normalise(x: Tensor, length: number): Tensor {
  return map(x, (value, i) => {
    const run = x.data.subarray(i - i % length, i - i % length + length);
    const mean = dot(length, (k) => run[k]!) / length;
    const variance = dot(length, (k) => (run[k]! - mean) ** 2) / length;
    return (value - mean) / Math.sqrt(variance + 1e-5);
  });
}

/** Softmax over runs of `length` elements. */
export function softmax(x: Tensor, length: number): Tensor {
  return map(x, (value, i) => {
    const run = x.data.subarray(i - i % length, i - i % length + length);
    return Math.exp(value) / dot(length, (k) => Math.exp(run[k]!));
  });
}

/** Two heads of two features, `[2, tokens, 4]`, as queries, keys and values at once; `bias` `[2, tokens]` is added to scores. */
export function attend({ data, shape }: Tensor, activation: string, causal: boolean, bias?: Tensor): Tensor {
  const tokens = shape[1]!;
  const result = table(2 * tokens, 4, (position, feature) => {
    const [row, query, head] = [Math.floor(position / tokens), position % tokens, Math.floor(feature / 2)];
    const value = (key: number, i: number) => data[4 * (tokens * row + key) + i]!;
    const keys = causal ? query + 1 : tokens;
    const scores = Array.from(
      { length: keys },
      (_, key) =>
        dot(2, (i) => value(query, 2 * head + i) * value(key, 2 * head + i)) / Math.sqrt(2) +
        (bias?.data[tokens * row + key] ?? 0),
    );
    const weights = activation === "relu"
      ? scores.map((score) => Math.max(score, 0))
      : [...softmax({ data: Float32Array.from(scores), shape: [keys] }, keys).data];
    return dot(keys, (key) => weights[key]! * value(key, feature));
  });
  return { data: result, shape };
}

/** What {@linkcode convolve} needs to know. */
export interface Convolution {
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  /** Zeros above and to the left. */
  readonly pad: number;
  readonly groups: number;
  /** Height and width of the result. */
  readonly size: readonly [number, number];
  readonly bias: boolean;
}

/** Convolution of one picture `[1, channels, height, width]`. */
export function convolve(
  { data, shape }: Tensor,
  { out, kernel, stride, pad, groups, size, bias }: Convolution,
): Tensor {
  const [, channels = 0, height = 0, width = 0] = shape;
  const [rows, columns] = size;
  const perGroup = channels / groups;
  const pixel = (channel: number, y: number, x: number) =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : data[(channel * height + y) * width + x]!;
  const result = table(out, rows * columns, (o, i) => {
    const [top, left] = [stride * Math.floor(i / columns) - pad, stride * (i % columns) - pad];
    const first = Math.floor(o / (out / groups)) * perGroup;
    const terms = dot(perGroup * kernel * kernel, (k) => {
      const [channel, dy, dx] = [Math.floor(k / kernel ** 2), Math.floor(k / kernel) % kernel, k % kernel];
      return at(o * perGroup * kernel ** 2 + k) * pixel(first + channel, top + dy, left + dx);
    });
    return terms + (bias ? at(o) : 0);
  });
  return { data: result, shape: [1, out, rows, columns] };
}

/** Nearest-neighbour resize of one picture, each pixel from `floor(position · old / new)`. */
export function nearest({ data, shape }: Tensor, rows: number, columns: number): Tensor {
  const [, channels = 0, height = 0, width = 0] = shape;
  const result = table(channels, rows * columns, (channel, i) => {
    const y = Math.floor(Math.floor(i / columns) * height / rows);
    const x = Math.floor(i % columns * width / columns);
    return data[(channel * height + y) * width + x]!;
  });
  return { data: result, shape: [1, channels, rows, columns] };
}
