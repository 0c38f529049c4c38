/** What samplers reckon with levels and latents. */
import type { NoiseLevel, Plan } from "../core/schedule.ts";
import type { Denoised } from "../core/parameterisation.ts";
import type { Latent } from "../core/tensor.ts";
import { weightedSum } from "./weighted_sum.ts";

/** σ of a level; infinite where there is no signal. */
export function sigmaOf({ alpha, sigma }: NoiseLevel): number {
  return sigma / alpha;
}

/** λ = log(α/σ), half the logarithm of the signal-to-noise ratio; infinite where there is no noise. */
export function lambdaOf({ alpha, sigma }: NoiseLevel): number {
  return Math.log(alpha) - Math.log(sigma);
}

/** The noise that a latent holds if its clean part is x0. */
export function noiseBeside(x0: Latent, latent: Latent, { alpha, sigma }: NoiseLevel): Latent {
  return weightedSum([1 / sigma, latent], [-alpha / sigma, x0]);
}

/**
 * Whether a level is (all but) noise alone, as the first one of zero terminal SNR and of rectified flow. σ is
 * infinite there, or 4096 where diffusers cuts it off. An interval from there is so long in σ that a slope from
 * inside it, times the interval, is an error of the network times thousands: formulas of second order ruin the
 * picture, where Euler's step cancels σ.
 */
export function isSilent({ alpha }: NoiseLevel): boolean {
  return alpha < 1 / 4000;
}

/** Whether levels are those of rectified flow, whose time is σ itself and ends at 1, where σ/α does not. */
export function isFlow({ transitions }: Plan): boolean {
  return transitions.every(({ from }) => Math.abs(from.alpha + from.sigma - 1) < 1e-6);
}

/** Euler's step, x0 + σ'·epsilon in place of x + (σ' − σ)·epsilon: the same, and finite where σ is not. */
export function eulerStep(
  { x0, epsilon }: Denoised,
  to: Pick<NoiseLevel, "alpha" | "sigma">,
): Latent {
  return weightedSum([to.alpha, x0], [to.sigma, epsilon]);
}
