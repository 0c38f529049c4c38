/**
 * LCM: Luo et al. 2023, "Latent Consistency Models", algorithm 3 (multistep consistency sampling). One evaluation
 * a step.
 *
 * @module
 */
import { addNoise } from "../core/parameterisation.ts";
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { consistencyTimesteps } from "./_consistency_timesteps.ts";
import { stepsOf, variancePreserving } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode lcm}. */
export interface LcmOptions extends Pick<LevelOptions, "timesteps"> {
  /** Number of steps, 1 … `originalSteps`. @default {4} */
  readonly steps?: number;
  /** Number of steps of the solver that the model was distilled with; the timesteps are some of its. @default {50} */
  readonly originalSteps?: number;
  /** Factor on timesteps in the boundary condition. @default {10} */
  readonly timestepScaling?: number;
}

/** Standard deviation of the data in the boundary condition (Song et al. 2023, appendix C). */
const SIGMA_DATA = 0.5;

/**
 * Makes an LCM sampler, for models or LoRAs that were distilled so.
 *
 * @example
 * ```ts
 * import { lcm } from "@mobile-diffusion/sdk/samplers";
 * const sampler = lcm({ steps: 4 }); // at timesteps 999, 759, 499, 259
 * ```
 */
export function lcm(options: LcmOptions = {}): Sampler {
  const { originalSteps = 50, timestepScaling = 10 } = options;
  const steps = stepsOf(options, 4);
  return {
    name: "lcm",
    options,
    meantFor: "lcm",
    steps,
    plan(schedule, steps) {
      const timesteps = options.timesteps ?? consistencyTimesteps(schedule, steps, originalSteps);
      return variancePreserving("lcm", schedule.plan("timesteps", steps, { timesteps }));
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal, clip }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const t = timestepScaling * from.timestep;
        const skip = SIGMA_DATA ** 2 / (t ** 2 + SIGMA_DATA ** 2);
        const out = t / Math.sqrt(t ** 2 + SIGMA_DATA ** 2);
        const x0 = weightedSum([skip, z], [out, clip(denoised.x0)]);
        z = to.sigma === 0 ? x0 : addNoise(x0, noise.normal(x0.shape), to);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "lcm",
  aliases: ["LCMScheduler"],
  paper: "Luo et al. 2023, Latent Consistency Models",
  evaluations: ONCE,
  weights: "lcm",
  steps: 4,
  options: { steps: "number", timesteps: "numbers", originalSteps: "number", timestepScaling: "number" },
  create: lcm,
};
