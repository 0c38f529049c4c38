/**
 * DPM2 ancestral: a midpoint step of Karras et al. 2022 (algorithm 2 with the midpoint in log σ, which is DPM-Solver-2
 * of Lu et al. 2022) below the next level, then fresh noise up to it; Katherine Crowson's k-diffusion. Two
 * evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions, Schedule, Transition } from "../core/schedule.ts";
import { eulerStep, isSilent, sigmaOf } from "./_levels.ts";
import { checkEta, stepsOf } from "./_options.ts";
import { ancestral, fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";
import { SIGMAS, TWICE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpm2Ancestral}. */
export interface Dpm2AncestralOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
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
  const steps = stepsOf(options, 20);
  return {
    name: "dpm2_ancestral",
    options,
    steps,
    plan(schedule, steps) {
      const { transitions, startScale } = schedule.plan("sigmas", steps, options);
      return { transitions: transitions.map((step) => withMiddle(step, schedule, eta)), startScale };
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal }) {
      let z = latent;
      for (const { from, to, via } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const sigma = sigmaOf(from);
        const { down, up } = ancestral(sigma, sigmaOf(to), eta);
        const denoised = await denoise(z, from);
        let { x0, epsilon: d } = denoised;
        const [middle] = via ?? [];
        let x = toSigmaSpace(z, from);
        if (middle !== undefined) {
          const half = fromSigmaSpace(weightedSum([1, x], [sigmaOf(middle) - sigma, d]), middle);
          signal?.throwIfAborted();
          ({ x0, epsilon: d } = await denoise(half, middle));
        }
        x = isSilent(from)
          ? eulerStep(denoised, { alpha: 1, sigma: down })
          : weightedSum([1, x], [down - sigma, d]);
        if (up > 0) x = weightedSum([1, x], [up, noise.normal(x.shape)]);
        z = fromSigmaSpace(x, to);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** The step with the level in its middle, in log σ, at which it asks again. */
function withMiddle(step: Transition, schedule: Schedule, eta: number): Transition {
  const sigma = sigmaOf(step.from);
  const { down } = ancestral(sigma, sigmaOf(step.to), eta);
  return down > 0 && !isSilent(step.from)
    ? { ...step, via: [schedule.levelOf(Math.sqrt(sigma * down))] }
    : step;
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpm2_ancestral",
  aliases: ["DPM2 a", "DPM_2_ancestral", "KDPM2AncestralDiscreteScheduler"],
  paper: "Crowson 2022, k-diffusion, after Lu et al. 2022 and Karras et al. 2022",
  evaluations: TWICE,
  weights: "any",
  steps: 20,
  options: { ...SIGMAS, eta: "number" },
  create: dpm2Ancestral,
};
