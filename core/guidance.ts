/**
 * Classifier-free guidance (Ho & Salimans 2022) on raw network outputs.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";
import { sizeOf } from "./tensor.ts";

/** Options of {@linkcode guide}. */
export interface GuidanceOptions {
  /** Guidance scale w; 1 is no guidance. */
  readonly scale: number;
  /**
   * How much of the overexposure to take back, 0 … 1 (Lin et al. 2024, section 3.4).
   * @default {0}
   */
  readonly rescale?: number;
}

/**
 * `unconditional + scale · (conditional − unconditional)`, then rescaled per row towards the standard deviation
 * of the conditional output. Shapes `[rows, …]`, equal.
 */
export function guide(
  unconditional: Tensor,
  conditional: Tensor,
  { scale, rescale = 0 }: GuidanceOptions,
): Tensor {
  const { shape } = conditional;
  const data = new Float32Array(conditional.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = unconditional.data[i]! + scale * (conditional.data[i]! - unconditional.data[i]!);
  }
  if (rescale > 0) {
    const row = sizeOf(shape.slice(1));
    for (let start = 0; start < data.length; start += row) {
      const guided = data.subarray(start, start + row);
      const ratio = standardDeviation(conditional.data.subarray(start, start + row)) /
        standardDeviation(guided);
      const factor = rescale * ratio + (1 - rescale);
      for (let i = 0; i < row; i++) guided[i]! *= factor;
    }
  }
  return { data, shape };
}

/** Unbiased, as `torch.std`. */
function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
