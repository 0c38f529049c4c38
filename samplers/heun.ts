/**
 * Heun: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 1. Two
 * evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions, Transition } from "../core/schedule.ts";
import type { Denoised } from "../core/parameterisation.ts";
import type { Latent } from "../core/tensor.ts";
import { eulerStep, isFlow, isSilent, sigmaOf } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import { weightedSum } from "./weighted_sum.ts";
import { SIGMAS, TWICE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

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
    async *sample(denoise, { latent, plan, first }, { signal }) {
      const flow = isFlow(plan);
      let z = latent;
      for (const { from, to } of plan.transitions.slice(first)) {
        signal?.throwIfAborted();
        const here = await denoise(z, from);
        let { x0 } = here;
        const euler = eulerStep(here, to);
        if (to.sigma > 0 && (flow || !isSilent(from))) {
          signal?.throwIfAborted();
          const there = await denoise(euler, to);
          z = flow
            ? meanOfVelocities(z, { from, to }, here, there)
            : meanOfSlopes(z, { from, to }, here, there);
          x0 = there.x0;
        } else z = euler;
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** In σ/α, where the slope of x = z/α is epsilon. */
function meanOfSlopes(z: Latent, { from, to }: Transition, { epsilon: d }: Denoised, next: Denoised): Latent {
  const dt = sigmaOf(to) - sigmaOf(from);
  const x = weightedSum([1, toSigmaSpace(z, from)], [dt / 2, d], [dt / 2, next.epsilon]);
  return fromSigmaSpace(x, to);
}

/** In the time of rectified flow, where the slope of z is epsilon − x0. */
function meanOfVelocities(z: Latent, { from, to }: Transition, here: Denoised, next: Denoised): Latent {
  const half = (to.sigma - from.sigma) / 2;
  return weightedSum([1, z], [half, here.epsilon], [-half, here.x0], [half, next.epsilon], [-half, next.x0]);
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "heun",
  aliases: ["HeunDiscreteScheduler"],
  paper: "Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models",
  evaluations: TWICE,
  weights: "any",
  steps: 20,
  options: SIGMAS,
  create: heun,
};
