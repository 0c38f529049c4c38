/**
 * The sampler contract. A sampler is an algorithm over a {@linkcode Denoiser}; it knows neither the network nor
 * guidance nor where the schedule comes from. Any value of this shape is a sampler, see `examples/own_sampler.ts`.
 *
 * @module
 */
import type { Noise } from "./noise.ts";
import type { Denoised } from "./parameterisation.ts";
import type { NoiseLevel, Plan, Schedule } from "./schedule.ts";
import type { Latent, Tensor } from "./tensor.ts";

/**
 * Denoises a latent `alpha · x0 + sigma · epsilon` at its level. One call is one network evaluation (two with
 * classifier-free guidance).
 */
export type Denoiser = (latent: Latent, at: NoiseLevel) => Promise<Denoised>;

/** The steps to run. */
export interface SamplerRun {
  /** The latent before the first step. */
  readonly latent: Latent;
  /** All steps, those before `first` included: some algorithms look at the whole. */
  readonly plan: Plan;
  /** Index of the first step to run; more than 0 in runs from a picture. */
  readonly first: number;
}

/** What a sampler works with besides the denoiser. */
export interface SamplerTools {
  /** Source of the noise that stochastic samplers add between steps. */
  readonly noise: Noise;
  /** Stops the run before its next network evaluation. */
  readonly signal?: AbortSignal;
  /** Reads a raw network output, or a mean of such, as of a latent at a level. */
  read(raw: Tensor, latent: Latent, at: NoiseLevel): Denoised;
  /** Clips or thresholds x0 as the schedule says. */
  clip(x0: Latent): Latent;
  /** Thresholds x0 as the schedule says. */
  threshold(x0: Latent): Latent;
}

/** What a sampler gives after each step. */
export interface SamplerOutput {
  /** The latent at the level where the step ends. */
  readonly latent: Latent;
  /** The clean latent as the step saw it. */
  readonly x0: Latent;
}

/** How {@linkcode Sampler.plan} is asked. */
export interface PlanOptions {
  /** Index of the step that the run begins with; few algorithms' steps depend on it. @default {0} */
  readonly first?: number;
}

/** An algorithm that turns noise into a clean latent; made by a factory such as `ddim({ steps: 50 })`. */
export interface Sampler {
  /** Its name on the command line. */
  readonly name: string;
  /** What its factory was given, so that the same sampler can be made again; plain data. */
  readonly options?: object;
  /** Number of steps when the caller asks for none. */
  readonly steps: number;
  /** The kind of weights of its own that it needs, as `"ufogen"`: refused where the model has none such. */
  readonly needs?: string;
  /** The kind of distillation that it is meant for, as `"lcm"`, by a checkpoint or a LoRA; never refused, but warned of. */
  readonly meantFor?: string;
  /** Guidance scale when the caller asks for none, for samplers whose weights have a natural one. */
  readonly guidance?: number;
  /**
   * The steps of a run, noise falling. Their number may differ from `steps`.
   *
   * @throws {RangeError} If the schedule has no such steps, or is of a kind that the algorithm is not defined on.
   */
  plan(schedule: Schedule, steps: number, options?: PlanOptions): Plan;
  /**
   * Runs the steps from `first` on, yielding after each. Whoever drives the generator may hand a changed latent
   * back through `next(latent)`, at the level of the step (inpainting blends the known area so); the sampler goes
   * on from that one.
   */
  sample(
    denoise: Denoiser,
    run: SamplerRun,
    tools: SamplerTools,
  ): AsyncGenerator<SamplerOutput, void, Latent | undefined>;
}
