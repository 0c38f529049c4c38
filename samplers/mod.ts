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
export * from "./ddim.ts";
export * from "./ddpm.ts";
export * from "./deis.ts";
export * from "./dpm2.ts";
export * from "./dpm2_ancestral.ts";
export * from "./dpmpp_2m.ts";
export * from "./dpmpp_2m_sde.ts";
export * from "./dpmpp_3m_sde.ts";
export * from "./dpmpp_2s.ts";
export * from "./euler.ts";
export * from "./euler_ancestral.ts";
export * from "./heun.ts";
export * from "./lcm.ts";
export * from "./lms.ts";
export * from "./pndm.ts";
export * from "./progressive_distillation.ts";
export * from "./registry.ts";
export * from "./tcd.ts";
export * from "./ufogen.ts";
export * from "./unipc.ts";
export * from "./weighted_sum.ts";
