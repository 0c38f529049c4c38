/**
 * DPM2 ancestral: a midpoint step of Karras et al. 2022 (algorithm 2 with the midpoint in log σ, which is DPM-Solver-2
 * of Lu et al. 2022) below the next level, then fresh noise up to it; Katherine Crowson's k-diffusion. Two
 * evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type SigmaOptions, sigmaTransitions } from "../core/schedule_levels.ts";
import { sigmaLevel, sigmaOf, timestepOfSigma, trainingSigmas } from "../core/schedule_sigmas.ts";
import { begin, checkEta, stepsOf } from "./_run.ts";
import { ancestral, fromSigmaSpace, initialNoiseScale, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode dpm2Ancestral}. */
export interface Dpm2AncestralOptions extends SigmaOptions {
  /** Number of steps, 1 … T. @default {20} */
  readonly steps?: number;
  /** Share of fresh noise, 0 (none, DPM2) … 1. @default {1} */
  readonly eta?: number;
}

/**
 * Makes a DPM2 ancestral sampler.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { dpm2Ancestral } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpm2Ancestral({ steps: 20, sigmas: "karras" });
 * ```
 */
export function dpm2Ancestral(options: Dpm2AncestralOptions = {}): Sampler {
  const { eta = 1 } = options;
  checkEta("dpm2_ancestral", eta);
  const asked = stepsOf(options, 20);
  return {
    name: "dpm2_ancestral",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const table = trainingSigmas(schedule);
      const levels = sigmaTransitions(schedule, steps, options);
      const { run, latent } = begin(start, levels, initialNoiseScale(schedule, options, levels));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const sigma = sigmaOf(from);
        const { down, up } = ancestral(sigma, sigmaOf(to), eta);
        let { x0, epsilon: d } = await denoise(z, from);
        let x = toSigmaSpace(z, from);
        if (down > 0) {
          const between = Math.sqrt(sigma * down);
          const middle = sigmaLevel(timestepOfSigma(table, between), between);
          const half = fromSigmaSpace(weightedSum([1, x], [between - sigma, d]), middle);
          signal?.throwIfAborted();
          ({ x0, epsilon: d } = await denoise(half, middle));
        }
        x = weightedSum([1, x], [down - sigma, d]);
        if (up > 0) x = weightedSum([1, x], [up, noise.normal(x.shape)]);
        z = fromSigmaSpace(x, to);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
