/** Samplers that think in σ hold x = z / α = x0 + σ·epsilon in place of the variance-preserving z. */
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import type { SigmaOptions, Transition } from "../core/schedule_levels.ts";
import type { Latent } from "../core/tensor.ts";
import { weightedSum } from "./weighted_sum.ts";

/** z to x. */
export function toSigmaSpace(z: Latent, { alpha }: NoiseLevel): Latent {
  return weightedSum([1 / alpha, z]);
}

/** x to z. */
export function fromSigmaSpace(x: Latent, { alpha }: NoiseLevel): Latent {
  return weightedSum([alpha, x]);
}

/**
 * The scale of the noise that a run begins with. Under "leading" spacing the first level is not the last trained
 * one and the noise is taken to be the whole latent; otherwise x = σ·noise, a little less than a unit z.
 */
export function initialNoiseScale(
  { config }: Schedule,
  { spacing = config.timestepSpacing }: SigmaOptions,
  [first]: readonly Transition[],
): number {
  return spacing === "leading" ? 1 : first!.from.sigma;
}

/**
 * Splits the way down to σ' into a deterministic part to `down` and fresh noise of scale `up`, so that the
 * variance is right (Song et al. 2021, equation 16, in σ; k-diffusion's `get_ancestral_step`).
 */
export function ancestral(
  from: number,
  to: number,
  eta: number,
): { readonly down: number; readonly up: number } {
  const up = Math.min(to, eta * (to / from) * Math.sqrt(from ** 2 - to ** 2));
  return { down: Math.sqrt(to ** 2 - up ** 2), up };
}
