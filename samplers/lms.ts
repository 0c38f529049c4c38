/**
 * LMS: the linear multistep method of Adams and Bashforth in σ; Katherine Crowson's k-diffusion. One evaluation a
 * step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { eulerStep, isSilent, sigmaOf } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { fromSigmaSpace, toSigmaSpace } from "./_sigma_space.ts";
import type { Tensor } from "../core/tensor.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, SIGMAS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode lms}. */
export interface LmsOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
  /** Number of steps, 1 … T. @default {30} */
  readonly steps?: number;
  /** How many of the newest slopes are used. @default {4} */
  readonly order?: 1 | 2 | 3 | 4;
}

/**
 * Makes an LMS sampler.
 *
 * @example
 * ```ts
 * import { lms } from "@mobile-diffusion/sdk/samplers";
 * const sampler = lms({ steps: 30, sigmas: "karras" });
 * ```
 */
export function lms(options: LmsOptions = {}): Sampler {
  const { order = 4 } = options;
  const steps = stepsOf(options, 30);
  return {
    name: "lms",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("sigmas", steps, options),
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal }) {
      const slopes: { d: Tensor; sigma: number }[] = []; // newest first
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const { x0, epsilon: d } = denoised;
        if (isSilent(from)) z = eulerStep(denoised, to); // a slope infinitely far away says nothing later
        else {
          slopes.unshift({ d, sigma: sigmaOf(from) });
          slopes.splice(order);
          const weights = adamsBashforth(slopes.map(({ sigma }) => sigma), sigmaOf(to));
          const x = weightedSum(
            [1, toSigmaSpace(z, from)],
            ...slopes.map(({ d }, i) => [weights[i]!, d] as const),
          );
          z = fromSigmaSpace(x, to);
        }
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/**
 * ∫ Lᵢ(σ) dσ from the newest node to `to`, Lᵢ being Lagrange's polynomials on the nodes; by Gauss's rule of two
 * points, which is exact up to degree three.
 */
function adamsBashforth(nodes: readonly number[], to: number): number[] {
  const middle = (nodes[0]! + to) / 2;
  const half = (to - nodes[0]!) / 2;
  const points = [middle - half / Math.sqrt(3), middle + half / Math.sqrt(3)];
  const lagrange = (i: number, x: number) =>
    nodes.reduce((product, node, j) => j === i ? product : product * (x - node) / (nodes[i]! - node), 1);
  return nodes.map((_, i) => half * (lagrange(i, points[0]!) + lagrange(i, points[1]!)));
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "lms",
  aliases: ["LMSDiscreteScheduler"],
  paper: "Crowson 2022, k-diffusion: the linear multistep method of Adams and Bashforth",
  evaluations: ONCE,
  weights: "any",
  steps: 30,
  options: { ...SIGMAS, order: [1, 2, 3, 4] },
  create: lms,
};
