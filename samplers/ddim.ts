/**
 * DDIM: Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { strideTransitions, type TimestepOptions } from "../core/schedule_levels.ts";
import { begin, checkEta, stepsOf } from "./_run.ts";
import { limit, noiseBeside } from "./_x0.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode ddim}. */
export interface DdimOptions extends TimestepOptions {
  /** Number of steps, 1 … T. @default {50} */
  readonly steps?: number;
  /** Share of fresh noise, 0 (none, an ODE) … 1 (as much as DDPM). @default {0} */
  readonly eta?: number;
  /** Whether epsilon follows an x0 that was clipped or thresholded. @default {false} */
  readonly useClippedModelOutput?: boolean;
}

/**
 * Makes a DDIM sampler.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { ddim } from "@mobile-diffusion/sdk/samplers";
 * const sampler = ddim({ steps: 50, eta: 0 });
 * ```
 */
export function ddim(options: DdimOptions = {}): Sampler {
  const { eta = 0, useClippedModelOutput = false } = options;
  checkEta("ddim", eta);
  const asked = stepsOf(options, 50);
  return {
    name: "ddim",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const { run, latent } = begin(start, strideTransitions(schedule, steps, options));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const x0 = limit(denoised.x0, schedule);
        const epsilon = useClippedModelOutput ? noiseBeside(x0, z, from) : denoised.epsilon;
        const variance = (to.sigma / from.sigma) ** 2 * (1 - (from.alpha / to.alpha) ** 2);
        const s = eta * Math.sqrt(Math.max(variance, 0));
        z = weightedSum([to.alpha, x0], [Math.sqrt(Math.max(to.sigma ** 2 - s ** 2, 0)), epsilon]);
        if (s > 0) z = weightedSum([1, z], [s, noise.normal(z.shape)]);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
