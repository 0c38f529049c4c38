/**
 * TCD: Zheng et al. 2024, "Trajectory Consistency Distillation", algorithm 2 (strategic stochastic sampling). One
 * evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { consistencyTimesteps } from "./_consistency_timesteps.ts";
import { checkEta, stepsOf, variancePreserving } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode tcd}. */
export interface TcdOptions extends Pick<LevelOptions, "timesteps"> {
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
  const steps = stepsOf(options, 4);
  return {
    name: "tcd",
    options,
    meantFor: "tcd",
    steps,
    plan(schedule, steps) {
      const timesteps = options.timesteps ?? consistencyTimesteps(schedule, steps, originalSteps);
      const { transitions, startScale } = variancePreserving(
        "tcd",
        schedule.plan("timesteps", steps, { timesteps }),
      );
      return {
        transitions: transitions.map(({ from, to: next }, i) => {
          const to = i === transitions.length - 1 ? schedule.at(0) : next;
          return { from, to, via: [schedule.at(Math.floor((1 - eta) * to.timestep))] };
        }),
        startScale,
      };
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal, clip }) {
      let z = latent;
      for (const { from, to, via } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const { x0: predicted, epsilon } = await denoise(z, from);
        const x0 = clip(predicted);
        const s = via![0]!; // below `to`, without fresh noise
        z = weightedSum([s.alpha, x0], [s.sigma, epsilon]);
        if (s.timestep < to.timestep) {
          const ratio = to.alpha / s.alpha;
          z = weightedSum([ratio, z], [Math.sqrt(1 - ratio ** 2), noise.normal(z.shape)]);
        }
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "tcd",
  aliases: ["TCDScheduler"],
  paper: "Zheng et al. 2024, Trajectory Consistency Distillation",
  evaluations: ONCE,
  weights: "tcd",
  steps: 4,
  options: { steps: "number", timesteps: "numbers", originalSteps: "number", eta: "number" },
  create: tcd,
};
