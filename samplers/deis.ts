/**
 * DEIS: Zhang & Chen 2023, "Fast Sampling of Diffusion Models with Exponential Integrator", equation 14 (tAB-DEIS)
 * with polynomials in log ρ, ρ = σ/α. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { dpmpp2m } from "./dpmpp_2m.ts";
import { ONCE, SIGMAS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode deis}. */
export interface DeisOptions extends Omit<LevelOptions, "lambdaMinClipped"> {
  /** Number of steps, 1 … T − 1. @default {25} */
  readonly steps?: number;
  /** Order of the solver. @default {2} */
  readonly order?: 1 | 2;
}

/**
 * Makes a DEIS sampler. log ρ is −λ, so that up to second order this is DPM-Solver over epsilon with its
 * second-order term integrated exactly.
 *
 * @example
 * ```ts
 * import { deis } from "@mobile-diffusion/sdk/samplers";
 * const sampler = deis({ steps: 25 });
 * ```
 */
export function deis(options: DeisOptions = {}): Sampler {
  return { ...dpmpp2m({ ...options, predicts: "epsilon", solverType: "heun" }), name: "deis", options };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "deis",
  aliases: ["DEISMultistepScheduler"],
  paper: "Zhang & Chen 2023, Fast Sampling of Diffusion Models with Exponential Integrator",
  evaluations: ONCE,
  weights: "any",
  steps: 25,
  options: { ...SIGMAS, order: [1, 2] },
  create: deis,
};
