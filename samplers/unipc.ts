/**
 * UniPC: Zhao et al. 2023, "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
 * algorithms 5 to 8. One evaluation a step: the corrector reuses the next step's.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions, NoiseLevel, Transition } from "../core/schedule.ts";
import type { Latent } from "../core/tensor.ts";
import type { Output } from "./_dpm_solver.ts";
import { lambdaOf, noiseBeside } from "./_levels.ts";
import { stepsOf } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, PREDICTS, SIGMAS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode unipc}. */
export interface UnipcOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
  /** Number of steps, 1 … T − 1. @default {20} */
  readonly steps?: number;
  /** Order p of the predictor and the corrector. @default {2} */
  readonly order?: 1 | 2 | 3;
  /** What the solver integrates. @default {"x0"} */
  readonly predicts?: "x0" | "epsilon";
  /** The function B(h): h, or e^h − 1. @default {"bh2"} */
  readonly solverType?: "bh1" | "bh2";
  /** Indices of the steps whose result is not corrected. @default {[]} */
  readonly disableCorrector?: readonly number[];
}

/**
 * Makes a UniPC sampler. With `predicts: "epsilon"` the run ends at the smallest trained level, not without noise.
 *
 * @example
 * ```ts
 * import { unipc } from "@mobile-diffusion/sdk/samplers";
 * const sampler = unipc({ steps: 20 });
 * ```
 */
export function unipc(options: UnipcOptions = {}): Sampler {
  const { order: p = 2, predicts = "x0", solverType = "bh2", disableCorrector = [] } = options;
  const { finalSigma = predicts === "x0" ? "zero" : "sigma_min" } = options;
  const steps = stepsOf(options, 20);
  return {
    name: "unipc",
    options,
    steps,
    plan: (schedule, steps) => schedule.plan("solver", steps, { ...options, finalSigma }),
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal, threshold }) {
      const outputs: Output[] = []; // newest first
      let z = latent;
      let last: { z: Latent; predicted: Latent; transition: Transition; order: number } | undefined;
      for (const [index, transition] of transitions.entries()) {
        if (index < first) continue;
        const { from } = transition;
        signal?.throwIfAborted();
        const x0 = threshold((await denoise(z, from)).x0);
        const output = { value: predicts === "x0" ? x0 : noiseBeside(x0, z, from), at: from };
        if (last !== undefined && !disableCorrector.includes(index - 1)) {
          const { order } = last;
          const corrected = unifiedStep(last.z, last.transition, outputs, {
            order,
            predicts,
            solverType,
            output,
          });
          z = weightedSum([1, z], [1, corrected], [-1, last.predicted]); // z itself, if nobody replaced it
        }
        outputs.unshift(output);
        outputs.splice(p);
        const order = Math.min(outputs.length, transitions.length - index);
        const predicted = unifiedStep(z, transition, outputs, { order, predicts, solverType });
        last = { z, predicted, transition, order };
        z = (yield { latent: predicted, x0 }) ?? predicted;
      }
    },
  };
}

/** What a step of either kind needs besides the latent. */
interface UnifiedOptions {
  readonly order: number;
  readonly predicts: "x0" | "epsilon";
  readonly solverType: "bh1" | "bh2";
  /** The output at the step's end, for the corrector; the predictor does without. */
  readonly output?: Output;
}

/** UniP (without `output`) and UniC (with it), equations 3 and 8: a step from `from` to `to`. */
function unifiedStep(
  latent: Latent,
  { from, to }: { readonly from: NoiseLevel; readonly to: NoiseLevel },
  [m0, ...older]: readonly Output[],
  { order, predicts, solverType, output }: UnifiedOptions,
): Latent {
  const h = lambdaOf(to) - lambdaOf(from);
  const hh = predicts === "x0" ? -h : h;
  const [gain, scale] = predicts === "x0"
    ? [to.sigma / from.sigma, to.alpha]
    : [to.alpha / from.alpha, to.sigma];
  const phi1 = Math.expm1(hh);
  const B = solverType === "bh1" ? hh : phi1;

  const points = older.slice(0, order - 1);
  if (output !== undefined) points.push(output);
  const r = points.map(({ at }) => (lambdaOf(at) - lambdaOf(from)) / h);
  // Half of the difference, the exact weight of a single point but for terms of higher order.
  const rho = r.length === 1 ? [1 / 2] : solve(r, orderConditions(r.length, hh, B));
  const differences = points.flatMap(({ value }, i) => {
    const weight = scale * B * rho[i]! / r[i]!;
    return [[-weight, value], [weight, m0!.value]] as const;
  });
  return weightedSum([gain, latent], [-scale * phi1, m0!.value], ...differences);
}

/** The right side of equation 5: n! φₙ₊₁(h) h / B(h) for n = 1 … count. */
function orderConditions(count: number, h: number, B: number): number[] {
  const conditions: number[] = [];
  let phi = Math.expm1(h) / h - 1;
  let factorial = 1;
  for (let n = 1; n <= count; n++) {
    conditions.push(phi * factorial / B);
    factorial *= n + 1;
    phi = phi / h - 1 / factorial;
  }
  return conditions;
}

/** Solves Σᵢ rᵢⁿ⁻¹ ρᵢ = bₙ, a Vandermonde system of two or three unknowns, by Gauss's elimination. */
function solve(r: readonly number[], b: readonly number[]): number[] {
  const rows = b.map((value, n) => [...r.map((ri) => ri ** n), value]);
  const size = b.length;
  for (let pivot = 0; pivot < size; pivot++) {
    for (let row = 0; row < size; row++) {
      if (row === pivot) continue;
      const factor = rows[row]![pivot]! / rows[pivot]![pivot]!;
      rows[row] = rows[row]!.map((value, column) => value - factor * rows[pivot]![column]!);
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!);
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "unipc",
  aliases: ["uni_pc", "uni_pc_bh2", "UniPCMultistepScheduler"],
  paper:
    "Zhao et al. 2023, UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
  evaluations: ONCE,
  weights: "any",
  steps: 20,
  options: {
    ...SIGMAS,
    order: [1, 2, 3],
    predicts: PREDICTS,
    solverType: ["bh1", "bh2"],
    disableCorrector: "numbers",
  },
  create: unipc,
};
