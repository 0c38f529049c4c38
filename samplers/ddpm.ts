/**
 * DDPM: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", algorithm 2 and equation 7, on a subset of the
 * timesteps. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { stepsOf, variancePreserving } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, TIMESTEPS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode ddpm}. */
export interface DdpmOptions extends Pick<LevelOptions, "spacing" | "timesteps"> {
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
  const steps = stepsOf(options, 1000);
  return {
    name: "ddpm",
    options,
    steps,
    plan: (schedule, steps) => variancePreserving("ddpm", schedule.plan("timesteps", steps, options)),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal, clip }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const x0 = clip(denoised.x0);
        const alpha = Math.fround((from.alpha / to.alpha) ** 2); // float32: its rounding is β's fourth digit at t = 1
        const beta = 1 - alpha;
        const shrink = (to.sigma / from.sigma) ** 2;
        z = weightedSum([to.alpha * beta / from.sigma ** 2, x0], [Math.sqrt(alpha) * shrink, z]);
        const variance = varianceType === "fixed_small" ? shrink * beta : beta;
        if (to.sigma > 0) z = weightedSum([1, z], [Math.sqrt(variance), noise.normal(z.shape)]);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "ddpm",
  aliases: ["DDPMScheduler"],
  paper: "Ho et al. 2020, Denoising Diffusion Probabilistic Models",
  evaluations: ONCE,
  weights: "any",
  steps: 1000,
  options: { ...TIMESTEPS, varianceType: ["fixed_small", "fixed_large"] },
  create: ddpm,
};
