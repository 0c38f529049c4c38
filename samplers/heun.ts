/**
 * Heun: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 1. Two
 * evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { eulerStep, isSilent, sigmaOf } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode heun}. */
export interface HeunOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
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
  const steps = stepsOf(options, 20);
  return {
    name: "heun",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("sigmas", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const dt = sigmaOf(to) - sigmaOf(from);
        const x = toSigmaSpace(z, from);
        const denoised = await denoise(z, from);
        let { x0 } = denoised;
        const { epsilon: d } = denoised;
        z = isSilent(from) ? eulerStep(denoised, to) : fromSigmaSpace(weightedSum([1, x], [dt, d]), to);
        if (to.sigma > 0 && !isSilent(from)) {
          signal?.throwIfAborted();
          const next = await denoise(z, to);
          z = fromSigmaSpace(weightedSum([1, x], [dt / 2, d], [dt / 2, next.epsilon]), to);
          x0 = next.x0;
        }
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}
