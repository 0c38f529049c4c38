/**
 * SDE-DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
 * Models", equation 18. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { orderOf, type Output, solverStep } from "./_dpm_solver.ts";
import { lambdaOf } from "./_levels.ts";
import { checkEta, stepsOf } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { MULTISTEP, ONCE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpmpp2mSde}. */
export interface Dpmpp2mSdeOptions extends LevelOptions {
  /** Number of steps, 1 … T − 1. @default {25} */
  readonly steps?: number;
  /** Order of the solver: 1, 2, or 3 (k-diffusion's 3M SDE). @default {2} */
  readonly order?: 1 | 2 | 3;
  /** Share of fresh noise, 0 (none, DPM-Solver++) … 1 (the SDE). @default {1} */
  readonly eta?: number;
  /** How the second-order term is approximated. @default {"midpoint"} */
  readonly solverType?: "midpoint" | "heun";
  /** Whether the last steps of a run of fewer than 15 are of lower order. @default {true} */
  readonly lowerOrderFinal?: boolean;
  /** Whether the last step is of first order, however many there are. @default {false} */
  readonly eulerAtFinal?: boolean;
}

/**
 * Makes a DPM-Solver++ multistep sampler for the diffusion SDE.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { dpmpp2mSde } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpmpp2mSde({ steps: 25, sigmas: "karras" });
 * ```
 */
export function dpmpp2mSde(options: Dpmpp2mSdeOptions = {}): Sampler {
  const { order = 2, eta = 1, solverType = "midpoint", lowerOrderFinal = true, eulerAtFinal = false } =
    options;
  checkEta("dpmpp_2m_sde", eta);
  const steps = stepsOf(options, 25);
  return {
    name: "dpmpp_2m_sde",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("solver", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal, threshold }) {
      const outputs: Output[] = []; // newest first
      let z = latent;
      for (const [index, { from, to }] of transitions.slice(first).entries()) {
        signal?.throwIfAborted();
        const x0 = threshold((await denoise(z, from)).x0);
        outputs.unshift({ value: x0, at: from });
        outputs.splice(order);
        const place = { index, left: transitions.length - 1 - first - index, steps: transitions.length, to };
        const used = outputs.slice(0, orderOf(place, { order, lowerOrderFinal, eulerAtFinal }));
        z = solverStep(z, { from, to }, used, { predicts: "x0", solverType, eta });
        const h = lambdaOf(to) - lambdaOf(from);
        if (to.sigma > 0 && eta > 0) {
          const s = to.sigma * Math.sqrt(-Math.expm1(-2 * eta * h));
          z = weightedSum([1, z], [s, noise.normal(z.shape)]);
        }
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpmpp_2m_sde",
  aliases: ["DPM++ 2M SDE", "DPM++ 2M SDE GPU"],
  paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
  evaluations: ONCE,
  weights: "any",
  steps: 25,
  options: { ...MULTISTEP, eta: "number" },
  create: dpmpp2mSde,
};
