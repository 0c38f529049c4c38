/**
 * Euler: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2 of
 * first order. One evaluation a step.
 *
 * @module
 */
import { addNoise } from "../core/parameterisation.ts";
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { eulerStep, isSilent, sigmaOf } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, SIGMAS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode euler}. */
export interface EulerOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
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
  /** Whether each step keeps x0 alone and adds fresh noise, for few-step models distilled so. @default {false} */
  readonly stochastic?: boolean;
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
  const { churn = 0, churnMin = 0, churnMax = Infinity, churnNoise = 1, stochastic = false } = options;
  const steps = stepsOf(options, 30);
  return {
    name: "euler",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("sigmas", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const { x0, epsilon: d } = denoised;
        const sigma = sigmaOf(from);
        const churned = sigma >= churnMin && sigma <= churnMax && sigma < Infinity;
        const gamma = churned ? Math.min(churn / transitions.length, Math.SQRT2 - 1) : 0;
        const sigmaHat = sigma * (1 + gamma);
        if (stochastic) z = addNoise(x0, noise.normal(z.shape), to);
        else if (gamma === 0 && isSilent(from)) z = eulerStep(denoised, to);
        else {
          let x = toSigmaSpace(z, from);
          if (gamma > 0) {
            const scale = churnNoise * Math.sqrt(sigmaHat ** 2 - sigma ** 2);
            x = weightedSum([1, x], [scale, noise.normal(x.shape)]);
          }
          x = weightedSum([1, x], [sigmaOf(to) - sigmaHat, d]);
          z = fromSigmaSpace(x, to);
        }
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "euler",
  aliases: ["EulerDiscreteScheduler"],
  paper: "Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models",
  evaluations: ONCE,
  weights: "any",
  steps: 30,
  options: {
    ...SIGMAS,
    churn: "number",
    churnMin: "number",
    churnMax: "number",
    churnNoise: "number",
    stochastic: "boolean",
  },
  create: euler,
};
