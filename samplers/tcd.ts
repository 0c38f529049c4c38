/**
 * TCD: Zheng et al. 2024, "Trajectory Consistency Distillation", algorithm 2 (strategic stochastic sampling). One
 * evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type TimestepOptions, timestepTransitions } from "../core/schedule_levels.ts";
import { consistencyTimesteps } from "./_consistency_timesteps.ts";
import { begin, checkEta, stepsOf } from "./_run.ts";
import { limit } from "./_x0.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode tcd}. */
export interface TcdOptions extends Pick<TimestepOptions, "timesteps"> {
  /** Number of steps, 1 … `originalSteps`. @default {4} */
  readonly steps?: number;
  /** Share of fresh noise, the paper's γ: 0 (deterministic) … 1 (as LCM). @default {0.3} */
  readonly eta?: number;
  /** Number of steps of the solver that the model was distilled with; the timesteps are some of its. @default {50} */
  readonly originalSteps?: number;
}

/**
 * Makes a TCD sampler, for models or LoRAs that were distilled so.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { tcd } from "@mobile-diffusion/sdk/samplers";
 * const sampler = tcd({ steps: 4, eta: 0.3 });
 * ```
 */
export function tcd(options: TcdOptions = {}): Sampler {
  const { eta = 0.3, originalSteps = 50 } = options;
  checkEta("tcd", eta);
  const asked = stepsOf(options, 4);
  return {
    name: "tcd",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, noise, steps = asked, signal }) {
      const timesteps = options.timesteps ?? consistencyTimesteps(schedule, steps, originalSteps);
      const levels = timestepTransitions(schedule, steps, { timesteps, final: schedule.at(0) });
      const { run, latent } = begin(start, levels);
      let z = latent;
      for (const [index, { from, to }] of run.entries()) {
        signal?.throwIfAborted();
        const { x0: predicted, epsilon } = await denoise(z, from);
        const x0 = limit(predicted, schedule);
        const s = schedule.at(Math.floor((1 - eta) * to.timestep)); // below `to`, without fresh noise
        z = weightedSum([s.alpha, x0], [s.sigma, epsilon]);
        if (s.timestep < to.timestep) {
          const ratio = to.alpha / s.alpha;
          z = weightedSum([ratio, z], [Math.sqrt(1 - ratio ** 2), noise.normal(z.shape)]);
        }
        z = (yield { index, steps: run.length, timestep: from.timestep, latent: z, level: to, x0 }) ?? z;
      }
    },
  };
}
