/**
 * DPM-Solver++(2S): Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
 * Models", algorithm 1. One evaluation a step; two steps make one of
 * second order, and what is left at the end is of first.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import type { Latent } from "../core/tensor.ts";
import { type Output, solverStep } from "./_dpm_solver.ts";
import { stepsOf } from "./_options.ts";
import { ONCE, SOLVER } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpmpp2s}. */
export interface Dpmpp2sOptions extends LevelOptions {
  /** Number of steps, 1 … T − 1, two for one of second order, as diffusers counts. @default {20} */
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
  const steps = stepsOf(options, 20);
  return {
    name: "dpmpp_2s",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("solver", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal, threshold }) {
      const paired = 2 * Math.floor((transitions.length - 1) / 2); // then one or two steps of first order
      const solver = { predicts: "x0", solverType } as const;
      let z = latent;
      let begun: { readonly z: Latent; readonly output: Output } | undefined; // by the first step of a pair
      for (const [i, step] of transitions.entries()) {
        if (i < first) continue;
        signal?.throwIfAborted();
        const x0 = threshold((await denoise(z, step.from)).x0);
        const output = { value: x0, at: step.from };
        const next: Latent = begun === undefined
          ? solverStep(z, step, [output], solver)
          : solverStep(begun.z, { from: begun.output.at, to: step.to }, [begun.output, output], solver);
        begun = begun === undefined && i < paired && i % 2 === 0 ? { z, output } : undefined;
        z = (yield { latent: next, x0 }) ?? next;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpmpp_2s",
  aliases: ["DPM++ 2S", "DPMSolverSinglestepScheduler"],
  paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
  evaluations: ONCE,
  weights: "any",
  steps: 20,
  options: SOLVER,
  create: dpmpp2s,
};
