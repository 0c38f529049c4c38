/**
 * UFOGen: Xu et al. 2024, "UFOGen: You Forward Once Large Scale Text-to-Image Generation via Diffusion GANs",
 * section 4: predict x0, then diffuse it again with fresh noise. One evaluation a step.
 *
 * @module
 */
import { addNoise } from "../core/parameterisation.ts";
import type { Sampler } from "../core/sampler.ts";
import { CLEAN, type Schedule, type Transition } from "../core/schedule.ts";
import { ONCE } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode ufogen}. */
export interface UfogenOptions {
  /** Number of steps, 1 … T. @default {1} */
  readonly steps?: number;
}

/**
 * Makes a UFOGen sampler. It needs no guidance: the network was trained against a discriminator.
 *
 * @example
 * ```ts
 * import { ufogen } from "@mobile-diffusion/sdk/samplers";
 * const sampler = ufogen(); // one step, from timestep 999 to the picture
 * ```
 */
export function ufogen({ steps = 1 }: UfogenOptions = {}): Sampler {
  return {
    name: "ufogen",
    needs: "ufogen",
    steps,
    guidance: 1,
    plan: (schedule, steps) => ({ transitions: ufogenTransitions(schedule, steps), startScale: 1 }),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal }) {
      let z = latent;
      for (const { from, to } of transitions.slice(first)) {
        signal?.throwIfAborted();
        const { x0 } = await denoise(z, from);
        z = to.sigma === 0 ? x0 : addNoise(x0, noise.normal(x0.shape), to);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

/** Of N steps, for i = N − 1 … 0: from t = ⌊(i + 1)/N · (T − 1)⌋ to ⌊t − (T − 1)/N⌋, the last one to x0. */
function ufogenTransitions(schedule: Schedule, steps: number): Transition[] {
  const { last } = schedule;
  if (!Number.isInteger(steps) || steps < 1 || steps > last) {
    throw new RangeError(`Cannot sample in ${steps} steps: expected a whole number from 1 to ${last}.`);
  }
  return Array.from({ length: steps }, (_, index) => {
    const t = Math.trunc((steps - index) / steps * last);
    return {
      from: schedule.at(t),
      to: index === steps - 1 ? CLEAN : schedule.at(Math.trunc(t - last / steps)),
    };
  });
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "ufogen",
  aliases: [],
  paper: "Xu et al. 2024, UFOGen: You Forward Once Large Scale Text-to-Image Generation via Diffusion GANs",
  evaluations: ONCE,
  weights: "ufogen",
  steps: 1,
  options: { steps: "number" },
  create: ufogen,
};
