/**
 * SDE-DPM-Solver++(3M): the third order of Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion
 * Probabilistic Models", with fresh noise; Katherine Crowson's k-diffusion. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { dpmpp2mSde, type Dpmpp2mSdeOptions } from "./dpmpp_2m_sde.ts";
import { ONCE, SOLVER } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode dpmpp3mSde}. */
export type Dpmpp3mSdeOptions = Omit<Dpmpp2mSdeOptions, "order">;

/**
 * Makes a DPM-Solver++ multistep sampler of third order for the diffusion SDE.
 *
 * @throws {RangeError} If eta is not in 0 … 1.
 *
 * @example
 * ```ts
 * import { dpmpp3mSde } from "@mobile-diffusion/sdk/samplers";
 * const sampler = dpmpp3mSde({ steps: 25, sigmas: "exponential" });
 * ```
 */
export function dpmpp3mSde(options: Dpmpp3mSdeOptions = {}): Sampler {
  return { ...dpmpp2mSde({ ...options, order: 3 }), name: "dpmpp_3m_sde", options };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "dpmpp_3m_sde",
  aliases: ["DPM++ 3M SDE", "DPM++ 3M SDE GPU"],
  paper: "Crowson 2023, k-diffusion, after Lu et al. 2022",
  evaluations: ONCE,
  weights: "any",
  steps: 25,
  options: { ...SOLVER, lowerOrderFinal: "boolean", eulerAtFinal: "boolean", eta: "number" },
  create: dpmpp3mSde,
};
