/**
 * The samplers: how noise becomes a picture, in how many steps.
 *
 * A sampler is a value, made by a factory and handed to `generate`. All are interchangeable; those that need
 * distilled weights say so. {@linkcode SAMPLERS} lists them with their papers and costs, and
 * {@linkcode createSampler} makes one by the name that people know it by.
 *
 * @example
 * ```ts
 * import { createSampler, ddim, dpmpp2m, ufogen } from "@mobile-diffusion/sdk/samplers";
 *
 * const samplers = [ddim({ steps: 50 }), dpmpp2m({ sigmas: "karras" }), ufogen(), createSampler("Euler a")];
 * ```
 *
 * @module
 */
export * from "./create_sampler.ts";
export { ddim, type DdimOptions } from "./ddim.ts";
export { ddpm, type DdpmOptions } from "./ddpm.ts";
export { deis, type DeisOptions } from "./deis.ts";
export { dpm2, type Dpm2Options } from "./dpm2.ts";
export { dpm2Ancestral, type Dpm2AncestralOptions } from "./dpm2_ancestral.ts";
export { dpmpp2m, type Dpmpp2mOptions } from "./dpmpp_2m.ts";
export { dpmpp2mSde, type Dpmpp2mSdeOptions } from "./dpmpp_2m_sde.ts";
export { dpmpp3mSde, type Dpmpp3mSdeOptions } from "./dpmpp_3m_sde.ts";
export { dpmpp2s, type Dpmpp2sOptions } from "./dpmpp_2s.ts";
export { euler, type EulerOptions } from "./euler.ts";
export { eulerAncestral, type EulerAncestralOptions } from "./euler_ancestral.ts";
export { heun, type HeunOptions } from "./heun.ts";
export { lcm, type LcmOptions } from "./lcm.ts";
export { lms, type LmsOptions } from "./lms.ts";
export { pndm, type PndmOptions } from "./pndm.ts";
export { progressiveDistillation, type ProgressiveDistillationOptions } from "./progressive_distillation.ts";
export * from "./registry.ts";
export { tcd, type TcdOptions } from "./tcd.ts";
export { ufogen, type UfogenOptions } from "./ufogen.ts";
export { unipc, type UnipcOptions } from "./unipc.ts";
export * from "./weighted_sum.ts";
