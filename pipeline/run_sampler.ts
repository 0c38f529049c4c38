/**
 * Drives a sampler: asks it for its plan, begins from noise or from a picture, and numbers its steps.
 *
 * @module
 */
import { addNoise, parameterise } from "../core/parameterisation.ts";
import type { Noise } from "../core/noise.ts";
import type { Denoiser, Sampler, SamplerOutput } from "../core/sampler.ts";
import type { NoiseLevel, Plan, Schedule } from "../core/schedule.ts";
import type { Latent } from "../core/tensor.ts";

/** Where a run begins. */
export interface SamplerStart {
  /** Standard normal noise of the latent's shape. */
  readonly noise: Latent;
  /** The clean latent to begin from (image to image); pure noise when absent. */
  readonly image?: Latent;
  /** Fraction of the steps to run from `image`, 0 … 1; it has to leave one at least. @default {1} */
  readonly strength?: number;
}

/** Options of {@linkcode runSampler}. */
export interface RunSamplerOptions {
  /** The model's schedule. */
  readonly schedule: Schedule;
  /** Source of the noise that stochastic samplers add between steps. */
  readonly noise: Noise;
  /** Number of steps, in place of the one that the sampler was made with. */
  readonly steps?: number;
  /** Stops the run before its next network evaluation. */
  readonly signal?: AbortSignal;
}

/** The state after one step. */
export interface SamplerStep extends SamplerOutput {
  /** Index of the step, from 0. */
  readonly index: number;
  /** Number of steps of this run. */
  readonly steps: number;
  /** The timestep of the step's (first) network evaluation. */
  readonly timestep: number;
  /**
   * The noise level of `latent`. The last one is free of noise, or nearly: some schedules end at the level of
   * timestep 0 (`setAlphaToOne: false`).
   */
  readonly level: NoiseLevel;
}

/** A plan and where a run enters it. */
export interface PlannedRun {
  /** All steps. */
  readonly plan: Plan;
  /** Index of the first step of this run. */
  readonly first: number;
}

/**
 * The plan of a run, checked.
 *
 * @throws {RangeError} If the sampler cannot plan it, if the noise of the plan's steps does not fall, or if
 * `strength` leaves no step.
 */
export function planSampling(
  sampler: Sampler,
  start: Pick<SamplerStart, "image" | "strength">,
  { schedule, steps = sampler.steps }: Pick<RunSamplerOptions, "schedule" | "steps">,
): PlannedRun {
  const whole = sampler.plan(schedule, steps);
  const count = whole.transitions.length;
  const first = start.image === undefined ? 0 : firstStep(count, start.strength);
  if (first === count) {
    throw new RangeError(
      start.image === undefined
        ? `Cannot sample with "${sampler.name}": its plan for ${steps} steps is empty, expected one step at least.`
        : `Cannot start from a picture: strength ${start.strength} of ${count} steps leaves none, ` +
          `expected ${1 / count} or more.`,
    );
  }
  const plan = first === 0 ? whole : sampler.plan(schedule, steps, { first });
  checkFalls(sampler.name, plan);
  return { plan, first };
}

/**
 * Runs a sampler, yielding after each step; a latent that is handed back through `next(latent)` takes the place of
 * the step's.
 *
 * @throws {RangeError} As {@linkcode planSampling}.
 *
 * @example
 * ```ts
 * import type { Denoiser } from "@mobile-diffusion/sdk/core";
 * import { torchNoise } from "@mobile-diffusion/sdk/noise";
 * import { runSampler } from "@mobile-diffusion/sdk/pipeline";
 * import { createSchedule } from "@mobile-diffusion/sdk/schedules";
 * import { ddim } from "@mobile-diffusion/sdk/samplers";
 * const noise = torchNoise(7);
 * const denoise: Denoiser = (z) => Promise.resolve({ raw: z, x0: z, epsilon: z }); // stands for a network
 * const start = { noise: noise.normal([1, 4, 8, 8]) };
 * for await (const step of runSampler(ddim({ steps: 3 }), denoise, start, { schedule: createSchedule(), noise })) {
 *   console.log(step.index, step.timestep); // 0 666, 1 333, 2 0
 * }
 * ```
 */
export async function* runSampler(
  sampler: Sampler,
  denoise: Denoiser,
  start: SamplerStart,
  options: RunSamplerOptions,
): AsyncGenerator<SamplerStep, void, Latent | undefined> {
  const { schedule, noise, signal } = options;
  const { plan, first } = planSampling(sampler, start, options);
  const steps = plan.transitions.length - first;
  const same = (x0: Latent) => x0;
  const outputs = sampler.sample(denoise, { latent: startLatent(start, plan, first), plan, first }, {
    noise,
    ...signal !== undefined && { signal },
    read: (raw, latent, at) => parameterise(raw, latent, at, schedule.prediction),
    clip: schedule.clip ?? same,
    threshold: schedule.threshold ?? same,
  });
  try {
    let replaced: Latent | undefined;
    for (let index = 0; true; index++) {
      const { done, value } = await outputs.next(replaced);
      if (done) return;
      const transition = plan.transitions[first + index];
      if (transition === undefined) {
        throw new RangeError(
          `Cannot go on with "${sampler.name}": it gives more than the ${steps} steps of its plan.`,
        );
      }
      const { from, to } = transition;
      replaced = yield { ...value, index, steps, timestep: from.timestep, level: to };
    }
  } finally {
    await outputs.return();
  }
}

/** Noise times the plan's scale, or the picture with the noise of the first step's level. */
function startLatent(
  { noise, image }: SamplerStart,
  { transitions, startScale }: Plan,
  first: number,
): Latent {
  if (image !== undefined) return addNoise(image, noise, transitions[first]!.from);
  return { data: noise.data.map((value) => startScale * value), shape: noise.shape };
}

/**
 * Index of the first step that a run from a picture takes: all of them at strength 1, none at 0.
 *
 * @throws {RangeError} If strength is not in 0 … 1.
 */
export function firstStep(steps: number, strength: number = 1): number {
  if (!(strength >= 0 && strength <= 1)) {
    throw new RangeError(
      `Cannot start from a picture with strength ${strength}: expected a number from 0 to 1.`,
    );
  }
  return Math.max(steps - Math.min(Math.trunc(steps * strength), steps), 0);
}

/** Each step must end with less noise than it began with; the next may begin a little above. */
function checkFalls(name: string, { transitions }: Plan): void {
  const ratio = ({ alpha, sigma }: NoiseLevel) => sigma / alpha;
  transitions.forEach(({ from, to }, i) => {
    const next = transitions[i + 1];
    if (ratio(to) <= ratio(from) && (next === undefined || ratio(next.from) <= ratio(from))) return;
    const levels = transitions.map(({ from }) => ratio(from).toPrecision(3));
    throw new RangeError(
      `Cannot sample with "${name}": σ/α of its steps is ${levels}, then ${
        ratio(to).toPrecision(3)
      } after step ` +
        `${i}; expected levels whose noise falls.`,
    );
  });
}
