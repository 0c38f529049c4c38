/** Small products of matrices, on the host. Sums are in float64. */
import { sizeOf, type Tensor } from "../core/tensor.ts";
import type { LowRankProduct, ModuleChange } from "./weight_adapter.ts";

/** The transpose of a matrix. */
export function transposed({ data, shape: [rows = 0, columns = 0] }: Tensor): Tensor {
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column]!;
    }
  }
  return { data: result, shape: [columns, rows] };
}

/**
 * A window `core` `[p, q, k, k]` over a matrix `inner` `[q, n]`, written out as the matrix `[p, n·k·k]` of one
 * convolution: `result[p, n, :] = Σ_q core[p, q, :] · inner[q, n]`.
 */
export function expandTucker(core: Tensor, inner: Tensor): Tensor {
  const [p, q, ...window] = core.shape as [number, number, ...number[]];
  const n = inner.shape[1]!;
  const k = sizeOf(window);
  const sums = new Float64Array(p * n * k);
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < q; j++) {
      for (let column = 0; column < n; column++) {
        const factor = inner.data[j * n + column]!;
        for (let w = 0; w < k; w++) {
          sums[(i * n + column) * k + w]! += core.data[(i * q + j) * k + w]! * factor;
        }
      }
    }
  }
  return { data: Float32Array.from(sums), shape: [p, n * k] };
}

/** Adds scale · ΔW of all changes to a weight, in place; `weight` is `[out, …]`, row-major. */
export function addChanges(weight: Float32Array, changes: readonly ModuleChange[]): void {
  const original = changes.some(({ delta }) => delta !== undefined) ? weight.slice() : weight;
  for (const change of changes) addChange(weight, original, change);
}

/** Adds one; `original` is the weight without any. */
export function addChange(
  weight: Float32Array,
  original: Float32Array,
  { lowRank, delta, scale }: ModuleChange,
): void {
  delta?.(original).forEach((value, i) => weight[i]! += scale * value);
  if (lowRank === undefined) return;
  const [outputs, columns] = [lowRank.up.shape[0]!, lowRank.down.shape[1]!];
  const row = new Float64Array(columns);
  for (let output = 0; output < outputs; output++) {
    productRow(lowRank, output, row);
    const offset = output * columns;
    for (let i = 0; i < columns; i++) weight[offset + i]! += scale * row[i]!;
  }
}

/** A product written out, `[out, in·k·k]`. */
export function productOf(product: LowRankProduct): Float32Array {
  const result = new Float32Array(product.up.shape[0]! * product.down.shape[1]!);
  addChange(result, result, { scale: 1, lowRank: product });
  return result;
}

/** One row of `up · down`, four ranks at a time: the row is read and written a quarter as often. */
function productRow({ up, down }: LowRankProduct, output: number, row: Float64Array): void {
  const [rank, columns] = down.shape as [number, number];
  const factor = (r: number) => r < rank ? up.data[output * rank + r]! : 0;
  const line = (r: number) => down.data.subarray(Math.min(r, rank - 1) * columns);
  row.fill(0);
  for (let r = 0; r < rank; r += 4) {
    const [a, b, c, d] = [factor(r), factor(r + 1), factor(r + 2), factor(r + 3)];
    const [p, q, s, t] = [line(r), line(r + 1), line(r + 2), line(r + 3)];
    for (let i = 0; i < columns; i++) row[i]! += a * p[i]! + b * q[i]! + c * s[i]! + d * t[i]!;
  }
}
