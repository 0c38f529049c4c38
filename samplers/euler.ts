/**
 * Euler: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2 of
 * first order. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type SigmaOptions, sigmaTransitions } from "../core/schedule_levels.ts";
import { sigmaOf } from "../core/schedule_sigmas.ts";
import { begin, stepsOf } from "./_run.ts";
import { fromSigmaSpace, initialNoiseScale, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode euler}. */
export interface EulerOptions extends SigmaOptions {
  /** Number of steps, 1 … T. @default {30} */
  readonly steps?: number;
  /** Noise added before each step, S_churn, 0 (none, an ODE) or more. @default {0} */
  readonly churn?: number;
  /** Smallest σ at which it is added, S_tmin. @default {0} */
  readonly churnMin?: number;
  /** Largest σ at which it is added, S_tmax. @default {∞} */
  readonly churnMax?: number;
  /** Scale of that noise, S_noise. @default {1} */
  readonly churnNoise?: number;
}

/**
 * Makes an Euler sampler. Unlike the paper, and like diffusers, it asks the network before the churn.
 *
 * @example
 * ```ts
 * import { euler } from "@mobile-diffusion/sdk/samplers";
 * const sampler = euler({ steps: 30, sigmas: "karras" });
 * ```
 */
export function euler(options: EulerOptions = {}): Sampler {
  const { churn = 0, churnMin = 0, churnMax = Infinity, churnNoise = 1 } = options;
  const asked = stepsOf(options, 30);
  return {
    name: "euler",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const levels = sigmaTransitions(schedule, steps, options);
      const { run, latent } = begin(start, levels, initialNoiseScale(schedule, options, levels));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const { x0, epsilon: d } = await denoise(z, from);
        const sigma = sigmaOf(from);
        const gamma = sigma >= churnMin && sigma <= churnMax ? Math.min(churn / steps, Math.SQRT2 - 1) : 0;
        const sigmaHat = sigma * (1 + gamma);
        let x = toSigmaSpace(z, from);
        if (gamma > 0) {
          const scale = churnNoise * Math.sqrt(sigmaHat ** 2 - sigma ** 2);
          x = weightedSum([1, x], [scale, noise.normal(x.shape)]);
        }
        x = weightedSum([1, x], [sigmaOf(to) - sigmaHat, d]);
        z = fromSigmaSpace(x, to);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
