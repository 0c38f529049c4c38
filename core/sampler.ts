/**
 * The sampler contract. A sampler is an algorithm over a {@linkcode Denoiser}; it knows neither the network nor
 * guidance. Any value of this shape is a sampler, see `examples/own_sampler.ts`.
 *
 * @module
 */
import type { Noise } from "./noise.ts";
import type { Denoised } from "./parameterisation.ts";
import type { NoiseLevel, Schedule } from "./schedule.ts";
import type { Latent } from "./tensor.ts";

/**
 * Denoises a variance-preserving latent `alpha · x0 + sigma · epsilon` at its level. One call is one network
 * evaluation (two with classifier-free guidance).
 */
export type Denoiser = (latent: Latent, at: NoiseLevel) => Promise<Denoised>;

/** Where a run begins. */
export interface SamplerStart {
  /** Standard normal noise of the latent's shape; the sampler scales it. */
  readonly noise: Latent;
  /** The clean latent to begin from (image to image); pure noise when absent. */
  readonly image?: Latent;
  /** Fraction of the steps to run from `image`, 0 … 1; it has to leave one at least. @default {1} */
  readonly strength?: number;
}

/** What a sampler works with. */
export interface SampleOptions {
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
export interface SamplerStep {
  /** Index of the step, from 0. */
  readonly index: number;
  /** Number of steps of this run. */
  readonly steps: number;
  /** The timestep of the step's (first) network evaluation. */
  readonly timestep: number;
  /** The latent after the step, variance-preserving. */
  readonly latent: Latent;
  /**
   * The noise level of `latent`. The last one is free of noise, or nearly: some schedules end at the level of
   * timestep 0 (`setAlphaToOne: false`).
   */
  readonly level: NoiseLevel;
  /** The clean latent as the step saw it. */
  readonly x0: Latent;
}

/** An algorithm that turns noise into a clean latent; made by a factory such as `ddim({ steps: 50 })`. */
export interface Sampler {
  /** Its name on the command line. */
  readonly name: string;
  /** What its factory was given, so that the same sampler can be made again; plain data. */
  readonly options?: object;
  /** Number of steps when the caller asks for none. */
  readonly steps: number;
  /** The kind of distilled weights that it needs, as `"ufogen"`; absent for ordinary weights. */
  readonly trainedFor?: string;
  /** Guidance scale when the caller asks for none, for samplers whose weights have a natural one. */
  readonly guidance?: number;
  /**
   * Runs the algorithm, yielding after each step. Whoever drives the generator may hand a changed latent back
   * through `next(latent)`, at the level of the step (inpainting blends the known area so); the sampler goes on
   * from that one.
   */
  sample(
    denoise: Denoiser,
    start: SamplerStart,
    options: SampleOptions,
  ): AsyncGenerator<SamplerStep, void, Latent | undefined>;
}
