/** Samplers that think in σ hold x = z / α = x0 + σ·epsilon in place of the variance-preserving z. */
import type { NoiseLevel } from "../core/schedule.ts";
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
 * Splits the way down to σ' into a deterministic part to `down` and fresh noise of scale `up`, so that the
 * variance is right (Song et al. 2021, equation 16, in σ; k-diffusion's `get_ancestral_step`).
 */
export function ancestral(
  from: number,
  to: number,
  eta: number,
): { readonly down: number; readonly up: number } {
  const most = from === Infinity ? to : (to / from) * Math.sqrt(from ** 2 - to ** 2);
  const up = Math.min(to, eta * most);
  return { down: Math.sqrt(to ** 2 - up ** 2), up };
}
