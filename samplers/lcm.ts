/**
 * LCM: Luo et al. 2023, "Latent Consistency Models", algorithm 3 (multistep consistency sampling). One evaluation
 * a step.
 *
 * @module
 */
import { addNoise } from "../core/parameterisation.ts";
import type { Sampler } from "../core/sampler.ts";
import { CLEAN, type TimestepOptions, timestepTransitions } from "../core/schedule_levels.ts";
import { consistencyTimesteps } from "./_consistency_timesteps.ts";
import { begin, stepsOf } from "./_run.ts";
import { limit } from "./_x0.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode lcm}. */
export interface LcmOptions extends Pick<TimestepOptions, "timesteps"> {
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
  const asked = stepsOf(options, 4);
  return {
    name: "lcm",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const timesteps = options.timesteps ?? consistencyTimesteps(schedule, steps, originalSteps);
      const { run, latent } = begin(start, timestepTransitions(schedule, steps, { timesteps, final: CLEAN }));
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const t = timestepScaling * from.timestep;
        const skip = SIGMA_DATA ** 2 / (t ** 2 + SIGMA_DATA ** 2);
        const out = t / Math.sqrt(t ** 2 + SIGMA_DATA ** 2);
        const x0 = weightedSum([skip, z], [out, limit(denoised.x0, schedule)]);
        z = index === run.length - 1 ? x0 : addNoise(x0, noise.normal(x0.shape), to);
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
