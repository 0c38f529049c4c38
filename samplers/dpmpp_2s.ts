/**
 * DPM-Solver++(2S): Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
 * Models", algorithm 1. Two evaluations a step, at two of the levels; one in what is left at the end.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type SolverLevelOptions, solverTransitions } from "../core/schedule_levels.ts";
import { solverStep } from "./_dpm_solver.ts";
import { begin, stepsOf } from "./_run.ts";
import { threshold } from "./_x0.ts";

/** Options of {@linkcode dpmpp2s}. */
export interface Dpmpp2sOptions extends SolverLevelOptions {
  /** Number of evaluations, 1 … T − 1: as diffusers counts, about twice that of the steps. @default {20} */
  readonly steps?: number;
  /** How the second-order term is approximated. @default {"midpoint"} */
  readonly solverType?: "midpoint" | "heun";
}

/**
 * Makes a DPM-Solver++ single-step sampler.
 *
 * @example
 * ```ts
 * import { dpmpp2s } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpmpp2s({ steps: 20 });
 * ```
 */
export function dpmpp2s(options: Dpmpp2sOptions = {}): Sampler {
  const { solverType = "midpoint" } = options;
  const asked = stepsOf(options, 20);
  return {
    name: "dpmpp_2s",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, steps = asked, signal }) {
      const { run, latent } = begin(start, solverTransitions(schedule, steps, options));
      const pairs = Math.floor((run.length - 1) / 2); // then one or two steps of first order
      const count = run.length - pairs;
      const solver = { predicts: "x0", solverType } as const;
      let z = latent;
      for (let index = 0; index < count; index++) {
        const first = run[index < pairs ? 2 * index : index + pairs]!;
        signal?.throwIfAborted();
        let x0 = threshold((await denoise(z, first.from)).x0, schedule);
        const own = { value: x0, at: first.from };
        let { to } = first;
        let next = solverStep(z, first, [own], solver);
        if (index < pairs) {
          signal?.throwIfAborted();
          x0 = threshold((await denoise(next, to)).x0, schedule);
          const middle = { value: x0, at: to };
          ({ to } = run[2 * index + 1]!);
          next = solverStep(z, { from: first.from, to }, [own, middle], solver);
        }
        z = (yield { index, steps: count, timestep: first.from.timestep, latent: next, level: to, x0 }) ??
          next;
      }
    },
  };
}
