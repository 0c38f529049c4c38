/** Limits on the clean latent that a network predicts. */
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import { type Latent, sizeOf } from "../core/tensor.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Thresholds or clips x0 as the schedule says; the thresholding wins. */
export function limit(x0: Latent, schedule: Schedule): Latent {
  const { clipSampleRange: range, thresholding } = schedule.config;
  if (thresholding !== undefined || range === undefined) return threshold(x0, schedule);
  return { data: x0.data.map((value) => clamp(value, range)), shape: x0.shape };
}

/**
 * Dynamic thresholding, row by row (Saharia et al. 2022, section 2.3): with s the given quantile of |x0|, at
 * least 1 and at most `maxValue`, x0 is clipped to ± s and divided by s. As it was where the schedule has none.
 */
export function threshold(x0: Latent, { config: { thresholding } }: Schedule): Latent {
  if (thresholding === undefined) return x0;
  const data = x0.data.slice();
  const size = sizeOf(x0.shape.slice(1));
  for (let start = 0; start < data.length; start += size) {
    const row = data.subarray(start, start + size);
    const s = Math.min(Math.max(quantile(row.map(Math.abs), thresholding.ratio), 1), thresholding.maxValue);
    for (let i = 0; i < size; i++) row[i] = clamp(row[i]!, s) / s;
  }
  return { data, shape: x0.shape };
}

/** The noise that a latent holds if its clean part is x0. */
export function noiseBeside(x0: Latent, latent: Latent, { alpha, sigma }: NoiseLevel): Latent {
  return weightedSum([1 / sigma, latent], [-alpha / sigma, x0]);
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
