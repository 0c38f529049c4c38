/** What every sampler does before its loop. */
import { addNoise } from "../core/parameterisation.ts";
import type { SamplerStart } from "../core/sampler.ts";
import { firstStep } from "../core/schedule.ts";
import type { SigmaOptions, Transition } from "../core/schedule_levels.ts";
import type { Latent } from "../core/tensor.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Transitions that are left to do, and the latent before the first of them. */
export interface Beginning {
  readonly run: readonly Transition[];
  readonly latent: Latent;
}

/**
 * Begins from pure noise, times `noiseScale`, or from a picture with noise of the first level that `strength`
 * leaves.
 *
 * @throws {RangeError} If the strength leaves no step, or is not in 0 … 1.
 */
export function begin(start: SamplerStart, transitions: readonly Transition[], noiseScale = 1): Beginning {
  const { noise, image, strength } = start;
  if (image === undefined) return { run: transitions, latent: weightedSum([noiseScale, noise]) };
  const run = transitions.slice(firstStep(transitions.length, strength));
  const [first] = run;
  if (first === undefined) {
    throw new RangeError(
      `Cannot start from a picture: strength ${strength} of ${transitions.length} steps leaves none, ` +
        `expected ${1 / transitions.length} or more.`,
    );
  }
  return { run, latent: addNoise(image, noise, first.from) };
}

/** Number of steps that a sampler was asked for: outright, by a list of levels, or not at all. */
export function stepsOf(
  { steps, timesteps, sigmas }: SigmaOptions & { readonly steps?: number },
  otherwise: number,
): number {
  return steps ?? timesteps?.length ?? (typeof sigmas === "object" ? sigmas.length - 1 : otherwise);
}

/**
 * Refuses an eta, the share of fresh noise, that means nothing.
 *
 * @throws {RangeError} If it is not in 0 … 1.
 */
export function checkEta(sampler: string, eta: number): void {
  if (!(eta >= 0 && eta <= 1)) {
    throw new RangeError(
      `Cannot make the sampler "${sampler}": eta is ${eta}, expected a number from 0 to 1.`,
    );
  }
}
