/**
 * Classifier-free guidance (Ho & Salimans 2022) on raw network outputs.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";
import { sizeOf } from "./tensor.ts";

/** How the outputs of a step's passes become one. Chosen by the model, run by the pipeline, on raw outputs. */
export interface Guidance {
  /** Names of the passes that a step takes, unconditional ones first; one or more. */
  readonly passes: readonly string[];
  /** Combines the outputs, by the names of their passes, all of the latent's shape. */
  combine(outputs: Readonly<Record<string, Tensor>>): Tensor;
}

/** Classifier-free guidance: two passes, or the conditional one alone where the scale is 1 or less. */
export function classifierFree(options: GuidanceOptions): Guidance {
  if (!(options.scale > 1)) {
    return { passes: ["conditional"], combine: ({ conditional }) => conditional! };
  }
  return {
    passes: ["unconditional", "conditional"],
    combine: ({ unconditional, conditional }) => guide(unconditional!, conditional!, options),
  };
}

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
