/**
 * Euler ancestral: an Euler step below the next level, then fresh noise up to it; Katherine Crowson's k-diffusion,
 * after Song et al. 2021, equation 16. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type SigmaOptions, sigmaTransitions } from "../core/schedule_levels.ts";
import { sigmaOf } from "../core/schedule_sigmas.ts";
import { begin, checkEta, stepsOf } from "./_run.ts";
import { ancestral, fromSigmaSpace, initialNoiseScale, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode eulerAncestral}. */
export interface EulerAncestralOptions extends SigmaOptions {
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
  const asked = stepsOf(options, 30);
  return {
    name: "euler_ancestral",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const levels = sigmaTransitions(schedule, steps, options);
      const { run, latent } = begin(start, levels, initialNoiseScale(schedule, options, levels));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const { x0, epsilon: d } = await denoise(z, from);
        const { down, up } = ancestral(sigmaOf(from), sigmaOf(to), eta);
        let x = weightedSum([1, toSigmaSpace(z, from)], [down - sigmaOf(from), d]);
        if (up > 0) x = weightedSum([1, x], [up, noise.normal(x.shape)]);
        z = fromSigmaSpace(x, to);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
