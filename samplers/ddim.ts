/**
 * DDIM: Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12. One evaluation a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions } from "../core/schedule.ts";
import { noiseBeside } from "./_levels.ts";
import { checkEta, stepsOf, variancePreserving } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE, TIMESTEPS } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode ddim}. */
export interface DdimOptions extends Pick<LevelOptions, "spacing" | "timesteps"> {
  /** Number of steps, 1 … T. @default {50} */
  readonly steps?: number;
  /** Share of fresh noise, 0 (none, an ODE) … 1 (as much as DDPM). @default {0} */
  readonly eta?: number;
  /** Whether epsilon follows an x0 that was clipped or thresholded. @default {false} */
  readonly useClippedModelOutput?: boolean;
}

/**
 * Makes a DDIM sampler.
 *
 * @throws {RangeError} If eta is not in 0 … 1; from its plan, if eta is above 0 and the schedule one of rectified flow.
 *
 * @example
 * ```ts
 * import { ddim } from "@mobile-diffusion/sdk/samplers";
 * const sampler = ddim({ steps: 50, eta: 0 });
 * ```
 */
export function ddim(options: DdimOptions = {}): Sampler {
  const { eta = 0, useClippedModelOutput = false } = options;
  checkEta("ddim", eta);
  const steps = stepsOf(options, 50);
  return {
    name: "ddim",
    options,
    steps,
    plan(schedule, steps) {
      const plan = schedule.plan("stride", steps, options);
      return eta === 0 ? plan : variancePreserving("ddim", plan, "with eta above 0");
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal, clip }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const denoised = await denoise(z, from);
        const x0 = clip(denoised.x0);
        const epsilon = useClippedModelOutput ? noiseBeside(x0, z, from) : denoised.epsilon;
        const variance = (to.sigma / from.sigma) ** 2 * (1 - (from.alpha / to.alpha) ** 2);
        const s = eta * Math.sqrt(Math.max(variance, 0));
        z = weightedSum([to.alpha, x0], [Math.sqrt(Math.max(to.sigma ** 2 - s ** 2, 0)), epsilon]);
        if (s > 0) z = weightedSum([1, z], [s, noise.normal(z.shape)]);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "ddim",
  aliases: ["DDIMScheduler"],
  paper: "Song et al. 2021, Denoising Diffusion Implicit Models",
  evaluations: ONCE,
  weights: "any",
  steps: 50,
  options: { ...TIMESTEPS, eta: "number", useClippedModelOutput: "boolean" },
  create: ddim,
};
