/**
 * DDPM: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", algorithm 2 and equation 7, on a subset of the
 * timesteps. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { CLEAN, type TimestepOptions, timestepTransitions } from "../core/schedule_levels.ts";
import { begin, stepsOf } from "./_run.ts";
import { limit } from "./_x0.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode ddpm}. */
export interface DdpmOptions extends TimestepOptions {
  /** Number of steps, 1 … T. @default {1000} */
  readonly steps?: number;
  /** Variance of a step: β̃, right for a single point, or β, right for N(0, 1) data. @default {"fixed_small"} */
  readonly varianceType?: "fixed_small" | "fixed_large";
}

/**
 * Makes a DDPM sampler.
 *
 * @example
 * ```ts
 * import { ddpm } from "@mobile-diffusion/sdk/samplers";
 * const sampler = ddpm({ steps: 100 });
 * ```
 */
export function ddpm(options: DdpmOptions = {}): Sampler {
  const { varianceType = "fixed_small" } = options;
  const asked = stepsOf(options, 1000);
  return {
    name: "ddpm",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const { run, latent } = begin(
        start,
        timestepTransitions(schedule, steps, { ...options, final: CLEAN }),
      );
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const x0 = limit(denoised.x0, schedule);
        const alpha = Math.fround((from.alpha / to.alpha) ** 2); // float32: its rounding is β's fourth digit at t = 1
        const beta = 1 - alpha;
        const shrink = (to.sigma / from.sigma) ** 2;
        z = weightedSum([to.alpha * beta / from.sigma ** 2, x0], [Math.sqrt(alpha) * shrink, z]);
        const variance = varianceType === "fixed_small" ? shrink * beta : beta;
        if (to.sigma > 0) z = weightedSum([1, z], [Math.sqrt(variance), noise.normal(z.shape)]);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
