/**
 * Heun: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 1. Two
 * evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type SigmaOptions, sigmaTransitions } from "../core/schedule_levels.ts";
import { sigmaOf } from "../core/schedule_sigmas.ts";
import { begin, stepsOf } from "./_run.ts";
import { fromSigmaSpace, initialNoiseScale, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode heun}. */
export interface HeunOptions extends SigmaOptions {
  /** Number of steps, 1 … T. @default {20} */
  readonly steps?: number;
}

/**
 * Makes a Heun sampler: an Euler step, then the same step again with the mean of the slopes at both ends.
 *
 * @example
 * ```ts
 * import { heun } from "@mobile-diffusion/sdk/samplers";
 * const sampler = heun({ steps: 20, sigmas: "karras" });
 * ```
 */
export function heun(options: HeunOptions = {}): Sampler {
  const asked = stepsOf(options, 20);
  return {
    name: "heun",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, steps = asked, signal }) {
      const levels = sigmaTransitions(schedule, steps, options);
      const { run, latent } = begin(start, levels, initialNoiseScale(schedule, options, levels));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const dt = sigmaOf(to) - sigmaOf(from);
        const x = toSigmaSpace(z, from);
        let { x0, epsilon: d } = await denoise(z, from);
        z = fromSigmaSpace(weightedSum([1, x], [dt, d]), to);
        if (to.sigma > 0) {
          signal?.throwIfAborted();
          const next = await denoise(z, to);
          z = fromSigmaSpace(weightedSum([1, x], [dt / 2, d], [dt / 2, next.epsilon]), to);
          x0 = next.x0;
        }
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
