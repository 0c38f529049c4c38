/**
 * The formula that the solvers of Lu et al. share. With λ = log(α/σ) and h the growth of λ over a step, the exact
 * solution of the diffusion ODE is a linear term and an integral over the network's output against e^λ, of which
 * the output's Taylor polynomial is taken: DPM-Solver (2022, "DPM-Solver: A Fast ODE Solver …", equation 3.4) for
 * epsilon, DPM-Solver++ (2022, equation 9) for x0. The two are one formula with α and σ exchanged and h negated.
 */
import type { NoiseLevel } from "../core/schedule.ts";
import type { Latent, Tensor } from "../core/tensor.ts";
import { lambdaOf } from "./_levels.ts";
import { weightedSum } from "./weighted_sum.ts";

/** A network output, x0 or epsilon, and the level at which it was asked. */
export interface Output {
  readonly value: Tensor;
  readonly at: NoiseLevel;
}

/** What distinguishes one solver of the family from another. */
export interface SolverOptions {
  /** What the integral is over: x0 (DPM-Solver++) or epsilon (DPM-Solver). */
  readonly predicts: "x0" | "epsilon";
  /** How the second-order term is approximated: at the midpoint or exactly (Heun). */
  readonly solverType?: "midpoint" | "heun";
  /** Share of fresh noise, 0 (the ODE) or 1 (the SDE). x0 only; the caller adds the noise. */
  readonly eta?: number;
}

/**
 * A step from `from`, where the latent is, to `to`, of the order of the number of outputs (1 to 3, newest first).
 */
export function solverStep(
  latent: Latent,
  { from, to }: { readonly from: NoiseLevel; readonly to: NoiseLevel },
  outputs: readonly Output[],
  { predicts, solverType = "midpoint", eta = 0 }: SolverOptions,
): Latent {
  const x0 = predicts === "x0";
  const h = Math.fround(lambda32(to) - lambda32(from));
  if (h === 0) return latent; // spaced σ may already end where the run does, at the smallest trained one
  const H = (x0 ? -h : h) * (1 + eta);
  const phi1 = Math.fround(Math.expm1(H));
  const decay = eta === 0 ? 1 : Math.exp(-eta * h); // h is infinite in a step to zero noise
  const gain = x0 ? to.sigma / from.sigma * decay : to.alpha / from.alpha;
  const scale = -(x0 ? to.alpha : to.sigma);
  const step = (...terms: [number, Tensor][]) =>
    weightedSum([gain, latent], ...terms.map(([weight, value]) => [scale * weight, value] as const));

  const [m0, m1, m2] = outputs as [Output, Output?, Output?];
  if (m1 === undefined) return step([phi1, m0.value]);
  const { first: D1, ratio: r0 } = difference(m0, m1, h);
  if (m2 === undefined) {
    return step([phi1, m0.value], [solverType === "midpoint" ? phi1 / 2 : phi1 / H - 1, D1]);
  }
  const { first: older, ratio: r1 } = difference(m1, m2, h);
  const slope = weightedSum([1 + r0 / (r0 + r1), D1], [-r0 / (r0 + r1), older]);
  const curve = weightedSum([1 / (r0 + r1), D1], [-1 / (r0 + r1), older]);
  return step([phi1, m0.value], [phi1 / H - 1, slope], [(phi1 - H) / H ** 2 - 1 / 2, curve]);
}

/**
 * λ in float32, as PyTorch has it, and e^h too. In a step from (almost) pure noise both weigh hundreds of epsilons
 * against each other, so that their last digit is 1.5e-4 of a latent.
 */
function lambda32({ alpha, sigma }: NoiseLevel): number {
  const log = (value: number) => Math.fround(Math.log(Math.fround(value)));
  return Math.fround(log(alpha) - log(sigma));
}

/** The difference of two outputs in units of h. */
function difference(
  newer: Output,
  older: Output,
  h: number,
): { readonly first: Tensor; readonly ratio: number } {
  const ratio = (lambdaOf(newer.at) - lambdaOf(older.at)) / h;
  return { first: weightedSum([1 / ratio, newer.value], [-1 / ratio, older.value]), ratio };
}

/**
 * The order of a step: no more than there are outputs, and less near the end, where a high order is unstable. A
 * step to zero noise is of first order: λ is infinite there.
 */
export function orderOf(
  { index, left, steps, to }: {
    /** Index of the step in this run. */
    readonly index: number;
    /** How many steps follow. */
    readonly left: number;
    /** Number of steps of the whole schedule. */
    readonly steps: number;
    readonly to: NoiseLevel;
  },
  { order, lowerOrderFinal, eulerAtFinal = false }: {
    readonly order: number;
    readonly lowerOrderFinal: boolean;
    readonly eulerAtFinal?: boolean;
  },
): number {
  const most = Math.min(order, index + 1);
  if (to.sigma === 0 || (left === 0 && eulerAtFinal)) return 1;
  return lowerOrderFinal && steps < 15 ? Math.min(most, left + 1) : most;
}
