/**
 * DPM2: DPM-Solver-2 of Lu et al. 2022, "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
 * Around 10 Steps", algorithm 1, in σ as k-diffusion has it. Two evaluations a step, one in the last.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { dpm2Ancestral } from "./dpm2_ancestral.ts";
import { SIGMAS, TWICE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpm2}. */
export interface Dpm2Options extends Omit<LevelOptions, "lambdaMinClipped"> {
  /** Number of steps, 1 … T. @default {20} */
  readonly steps?: number;
}

/**
 * Makes a DPM2 sampler: DPM2 ancestral without fresh noise.
 *
 * @example
 * ```ts
 * import { dpm2 } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpm2({ steps: 20 });
 * ```
 */
export function dpm2(options: Dpm2Options = {}): Sampler {
  return { ...dpm2Ancestral({ ...options, eta: 0 }), name: "dpm2", options };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpm2",
  aliases: ["DPM_2", "KDPM2DiscreteScheduler"],
  paper: "Lu et al. 2022, DPM-Solver; Karras et al. 2022",
  evaluations: TWICE,
  weights: "any",
  steps: 20,
  options: SIGMAS,
  create: dpm2,
};
