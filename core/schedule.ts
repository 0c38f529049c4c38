/**
 * The noise schedule as its users see it: levels, what the network predicts, and the levels that a run visits.
 * `schedules/` has the implementations.
 *
 * @module
 */
import type { Latent } from "./tensor.ts";

/**
 * What a network predicts: the noise, the clean latent, v = α·ε − σ·x0 (Salimans & Ho 2022), or the velocity
 * ε − x0 of rectified flow (Liu et al. 2023), or that the other way round.
 */
export type PredictionType =
  | "epsilon"
  | "sample"
  | "v_prediction"
  | "flow_prediction"
  | "reversed_flow_prediction";

/** How `steps` timesteps are chosen from the training ones (Lin et al. 2024, table 2). */
export type TimestepSpacing = "leading" | "trailing" | "linspace";

/**
 * How the σ of a run are spaced between the largest and the smallest: evenly in σ^(1/7) (Karras et al. 2022,
 * equation 5), evenly in log σ, by the quantiles of Beta(0.6, 0.6) (Lee et al. 2024, "Beta Sampling is All You
 * Need"), or evenly in log σ with timesteps rounded (Lu et al. 2022, the λ spacing of DPM-Solver).
 */
export type SigmaSpacing = "karras" | "exponential" | "beta" | "lu";

/**
 * One level of noise: a latent there is `alpha · x0 + sigma · epsilon`. With alpha² + sigma² = 1 the schedule
 * preserves variance; rectified flow has alpha + sigma = 1.
 */
export interface NoiseLevel {
  /** What the network is told; may be fractional. −1 stands for the end of a run. */
  readonly timestep: number;
  /** Scale of the clean latent. */
  readonly alpha: number;
  /** Scale of the noise. */
  readonly sigma: number;
}

/** The end of a run: no noise. */
export const CLEAN: NoiseLevel = { timestep: -1, alpha: 1, sigma: 0 };

/** One step of a run: from the level at which the network is asked to the level of the step's result. */
export interface Transition {
  /** The level before the step. */
  readonly from: NoiseLevel;
  /** The level after it; not always where the next step begins. */
  readonly to: NoiseLevel;
  /** Levels that are asked or reached inside the step, in the order of the sampler's formula. */
  readonly via?: readonly NoiseLevel[];
}

/** All steps of a run from pure noise. */
export interface Plan {
  /** The steps, noise falling. */
  readonly transitions: readonly Transition[];
  /** Scale of the standard normal noise that the run begins with. */
  readonly startScale: number;
}

/** How the levels of a run are chosen. */
export interface LevelOptions {
  /** Spacing of the timesteps. @default {the schedule's} */
  readonly spacing?: TimestepSpacing;
  /** The timesteps themselves, descending; their number is the number of steps. */
  readonly timesteps?: readonly number[];
  /**
   * Spacing of the σ, or the σ themselves: descending, one more than there are steps, usually with 0 at the end.
   * Not for plans by whole timesteps or strides.
   * @default {those of the timesteps}
   */
  readonly sigmas?: SigmaSpacing | readonly number[];
  /** Whether the run ends without noise or at the smallest trained level. @default {"zero"} */
  readonly finalSigma?: "zero" | "sigma_min";
  /** Leaves out timesteps whose λ = log(α/σ) is below this; plans of solvers only. @default {−∞} */
  readonly lambdaMinClipped?: number;
}

/**
 * Which convention a plan follows. "timesteps": trained levels, each step ending where the next begins, the last
 * without noise. "stride": each step goes down by the same number of timesteps, the last to the schedule's final
 * level (DDIM, PNDM). "sigmas": levels for samplers that think in σ (Euler, Heun and their family). "solver": levels
 * for the solvers of Lu et al. (DPM-Solver++, UniPC and their family).
 */
export type PlanKind = "timesteps" | "stride" | "sigmas" | "solver";

/** A noise schedule. */
export interface Schedule {
  /** What the network predicts. */
  readonly prediction: PredictionType;
  /** The largest timestep, that of the noisiest level; the smallest is 0. */
  readonly last: number;
  /**
   * The level at a timestep; below 0, the final level of strides.
   *
   * @throws {RangeError} If the schedule has no such timestep.
   */
  at(timestep: number): NoiseLevel;
  /** The level whose σ/α is this, its timestep found by interpolation. */
  levelOf(ratio: number): NoiseLevel;
  /**
   * The steps of a run.
   *
   * @throws {RangeError} If `steps` is out of range, or the options contradict it, each other or the schedule.
   */
  plan(kind: PlanKind, steps: number, options?: LevelOptions): Plan;
  /** Limits a predicted x0 in samplers that clip (DDIM, DDPM, LCM, TCD); absent where nothing is limited. */
  clip?(x0: Latent): Latent;
  /** Limits a predicted x0 in samplers that threshold only (DPM-Solver++, UniPC); absent where nothing is limited. */
  threshold?(x0: Latent): Latent;
}
