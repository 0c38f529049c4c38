/**
 * Euler ancestral: an Euler step below the next level, then fresh noise up to it; Katherine Crowson's k-diffusion,
 * after Song et al. 2021, equation 16. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { eulerStep, isSilent, sigmaOf } from "./_levels.ts";
import { checkEta, stepsOf } from "./_options.ts";
import { ancestral, fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, SIGMAS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode eulerAncestral}. */
export interface EulerAncestralOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
  /** Number of steps, 1 … T. @default {30} */
  readonly steps?: number;
  /** Share of fresh noise, 0 (none, Euler) … 1. @default {1} */
  readonly eta?: number;
}

/**
 * Makes an Euler ancestral sampler; with "trailing" spacing and one to four steps, that of the turbo models.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { eulerAncestral } from "@mobile-diffusion/sdk/samplers";
 * const turbo = eulerAncestral({ steps: 1, spacing: "trailing" });
 * ```
 */
export function eulerAncestral(options: EulerAncestralOptions = {}): Sampler {
  const { eta = 1 } = options;
  checkEta("euler_ancestral", eta);
  const steps = stepsOf(options, 30);
  return {
    name: "euler_ancestral",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("sigmas", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const { x0, epsilon: d } = denoised;
        const { down, up } = ancestral(sigmaOf(from), sigmaOf(to), eta);
        let x = isSilent(from)
          ? eulerStep(denoised, { alpha: 1, sigma: down })
          : weightedSum([1, toSigmaSpace(z, from)], [down - sigmaOf(from), d]);
        if (up > 0) x = weightedSum([1, x], [up, noise.normal(x.shape)]);
        z = fromSigmaSpace(x, to);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "euler_ancestral",
  aliases: ["Euler a", "EulerAncestralDiscreteScheduler"],
  paper: "Crowson 2022, k-diffusion, after Song et al. 2021",
  evaluations: ONCE,
  weights: "any",
  steps: 30,
  options: { ...SIGMAS, eta: "number" },
  create: eulerAncestral,
};
