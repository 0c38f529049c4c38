/** Limits on the clean latent that a network predicts. */
import { type Latent, sizeOf } from "../core/tensor.ts";

/** Dynamic thresholding (Saharia et al. 2022, section 2.3). */
export interface Thresholding {
  /** The quantile, 0 … 1. */
  readonly ratio: number;
  /** The largest value that is left at most. */
  readonly maxValue: number;
}

/** Clips to ± range. */
export function clip(range: number): (x0: Latent) => Latent {
  return ({ data, shape }) => ({ data: data.map((value) => clamp(value, range)), shape });
}

/**
 * Row by row: with s the given quantile of |x0|, at least 1 and at most `maxValue`, x0 is clipped to ± s and divided
 * by s.
 */
export function threshold({ ratio, maxValue }: Thresholding): (x0: Latent) => Latent {
  return (x0) => {
    const data = x0.data.slice();
    const size = sizeOf(x0.shape.slice(1));
    for (let start = 0; start < data.length; start += size) {
      const row = data.subarray(start, start + size);
      const s = Math.min(Math.max(quantile(row.map(Math.abs), ratio), 1), maxValue);
      for (let i = 0; i < size; i++) row[i] = clamp(row[i]!, s) / s;
    }
    return { data, shape: x0.shape };
  };
}

function clamp(value: number, range: number): number {
  return Math.min(Math.max(value, -range), range);
}

/** With linear interpolation between order statistics, as `torch.quantile`. */
function quantile(values: Float32Array, ratio: number): number {
  const sorted = values.sort();
  const position = ratio * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.ceil(position);
  return sorted[low]! + (position - low) * (sorted[high]! - sorted[low]!);
}
