/**
 * Gaussian noise from a seed. Samplers never call `Math.random`: they draw from a {@linkcode Noise}.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

/** A stream of standard normal numbers. Successive draws continue the same stream. */
export interface Noise {
  /** Draws a tensor of independent N(0, 1) numbers. */
  normal(shape: readonly number[]): Tensor;
}

/** Whose random numbers a seed stands for: PyTorch's on a CPU (`torchNoise`) or on a GPU of NVIDIA's (`cudaNoise`). */
export type RandomSource = "cpu" | "cuda";
