/**
 * SDE-DPM-Solver++(3M): the third order of Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion
 * Probabilistic Models", with fresh noise; Katherine Crowson's k-diffusion. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { dpmpp2mSde, type Dpmpp2mSdeOptions } from "./dpmpp_2m_sde.ts";

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
