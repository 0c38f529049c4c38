/**
 * DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
 * Models", algorithm 2. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { orderOf, type Output, solverStep } from "./_dpm_solver.ts";
import { noiseBeside } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { MULTISTEP, ONCE, PREDICTS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpmpp2m}. */
export interface Dpmpp2mOptions extends LevelOptions {
  /** Number of steps, 1 … T − 1. @default {25} */
  readonly steps?: number;
  /** Order of the solver: 1 (DDIM), 2 or 3. @default {2} */
  readonly order?: 1 | 2 | 3;
  /** What the solver integrates: x0 (DPM-Solver++) or epsilon (DPM-Solver, unguided models). @default {"x0"} */
  readonly predicts?: "x0" | "epsilon";
  /** How the second-order term is approximated. @default {"midpoint"} */
  readonly solverType?: "midpoint" | "heun";
  /** Whether the last steps of a run of fewer than 15 are of lower order. @default {true} */
  readonly lowerOrderFinal?: boolean;
  /** Whether the last step is of first order, however many there are. @default {false} */
  readonly eulerAtFinal?: boolean;
}

/**
 * Makes a DPM-Solver++ multistep sampler. With `predicts: "epsilon"` the run ends at the smallest trained level,
 * not without noise.
 *
 * @example
 * ```ts
 * import { dpmpp2m } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpmpp2m({ steps: 25, sigmas: "karras" });
 * ```
 */
export function dpmpp2m(options: Dpmpp2mOptions = {}): Sampler {
  const { order = 2, predicts = "x0", solverType = "midpoint", lowerOrderFinal = true } = options;
  const { eulerAtFinal = false, finalSigma = predicts === "x0" ? "zero" : "sigma_min" } = options;
  const steps = stepsOf(options, 25);
  return {
    name: "dpmpp_2m",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("solver", steps, { ...options, finalSigma }),
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal, threshold }) {
      const outputs: Output[] = []; // newest first
      let z = latent;
      for (const [index, { from, to }] of transitions.slice(first).entries()) {
        signal?.throwIfAborted();
        const x0 = threshold((await denoise(z, from)).x0);
        outputs.unshift({ value: predicts === "x0" ? x0 : noiseBeside(x0, z, from), at: from });
        const place = { index, left: transitions.length - 1 - first - index, steps: transitions.length, to };
        outputs.splice(order);
        const used = outputs.slice(0, orderOf(place, { order, lowerOrderFinal, eulerAtFinal }));
        z = solverStep(z, { from, to }, used, { predicts, solverType });
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpmpp_2m",
  aliases: ["DPM++ 2M", "DPMSolverMultistepScheduler"],
  paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
  evaluations: ONCE,
  weights: "any",
  steps: 25,
  options: { ...MULTISTEP, predicts: PREDICTS },
  create: dpmpp2m,
};
