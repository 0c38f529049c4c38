/**
 * The sampler of progressively distilled networks: Salimans & Ho 2022, "Progressive Distillation for Fast Sampling
 * of Diffusion Models", algorithm 2 and equation 8, each step a DDIM step on the student's own grid. One evaluation
 * a step.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { weightedSum } from "./weighted_sum.ts";
import { ONCE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode progressiveDistillation}. */
export interface ProgressiveDistillationOptions {
  /** Number of steps: 1, 2, 4, 8, 16 or 32, one that the network was distilled to. @default {8} */
  readonly steps?: number;
}

/**
 * Makes a sampler for a network that was distilled to this number of steps. The last step returns x0.
 *
 * @throws {RangeError} If the number of steps is none that distillation passes through.
 *
 * @example
 * ```ts
 * import { progressiveDistillation } from "@mobile-diffusion/sdk/samplers";
 * const sampler = progressiveDistillation({ steps: 8 }); // at timesteps 999, 874, 749, 624, 499, 374, 249, 124
 * ```
 */
export function progressiveDistillation({ steps = 8 }: ProgressiveDistillationOptions = {}): Sampler {
  checkSteps(steps);
  return {
    name: "progressive_distillation",
    needs: "progressive-distillation",
    steps,
    plan(schedule, steps) {
      checkSteps(steps);
      return schedule.plan("timesteps", steps, { spacing: "trailing" });
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const { x0, epsilon } = await denoise(z, from);
        z = weightedSum([to.alpha, x0], [to.sigma, epsilon]);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Distillation halves: 32, 16, 8, 4, 2, 1. */
function checkSteps(steps: number): void {
  if (![1, 2, 4, 8, 16, 32].includes(steps)) {
    throw new RangeError(
      `Cannot sample a progressively distilled model in ${steps} steps: expected 1, 2, 4, 8, 16 or 32.`,
    );
  }
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "progressive_distillation",
  aliases: ["distilled"],
  paper: "Salimans & Ho 2022, Progressive Distillation for Fast Sampling of Diffusion Models",
  evaluations: ONCE,
  weights: "progressive-distillation",
  steps: 8,
  options: { steps: [1, 2, 4, 8, 16, 32] },
  create: progressiveDistillation,
};
