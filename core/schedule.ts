/**
 * The noise schedule: how much noise there is at each training timestep, and which timesteps a run visits.
 * It holds numbers only; the algorithms over them are samplers.
 *
 * @module
 */

/** What a network predicts: the noise, the clean latent, or v = α·ε − σ·x0 (Salimans & Ho 2022). */
export type PredictionType = "epsilon" | "sample" | "v_prediction";

/** How `steps` timesteps are chosen from the training ones (Lin et al. 2024, table 2). */
export type TimestepSpacing = "leading" | "trailing" | "linspace";

/** How much noise is added from one training timestep to the next. */
export type BetaSchedule = "linear" | "scaled_linear" | "squaredcos_cap_v2";

/** What a `scheduler_config.json` says about the numbers of a schedule, in diffusers' terms. */
export interface ScheduleConfig {
  /** Number of training timesteps T. @default {1000} */
  readonly trainTimesteps?: number;
  /** First beta. @default {0.00085} */
  readonly betaStart?: number;
  /** Last beta. @default {0.012} */
  readonly betaEnd?: number;
  /** Shape of the betas between the two. @default {"scaled_linear"} */
  readonly betaSchedule?: BetaSchedule;
  /** The betas themselves, in place of the three above; its length is T. */
  readonly trainedBetas?: readonly number[];
  /** What the network predicts. @default {"epsilon"} */
  readonly predictionType?: PredictionType;
  /** Spacing of a run's timesteps. @default {"leading"} */
  readonly timestepSpacing?: TimestepSpacing;
  /** Added to every timestep under "leading" spacing. @default {0} */
  readonly stepsOffset?: number;
  /** Whether the level before timestep 0 is noiseless (true) or that of timestep 0. @default {true} */
  readonly setAlphaToOne?: boolean;
  /** Rescales the betas so that the last level is pure noise (Lin et al. 2024, algorithm 1). @default {false} */
  readonly rescaleBetasZeroSnr?: boolean;
  /** Clips x0 to ± this value in samplers that honour it (DDIM, DDPM, LCM, TCD); off when absent. */
  readonly clipSampleRange?: number;
  /** Dynamic thresholding of x0 (Saharia et al. 2022, section 2.3); off when absent. */
  readonly thresholding?: { readonly ratio: number; readonly maxValue: number };
}

/** One level of noise: a latent there is `alpha · x0 + sigma · epsilon`, with alpha² + sigma² = 1. */
export interface NoiseLevel {
  /** What the network is told, 0 … T − 1; may be fractional. −1 stands for the end of a run. */
  readonly timestep: number;
  /** Scale of the clean latent, √ᾱ. */
  readonly alpha: number;
  /** Scale of the noise, √(1 − ᾱ). */
  readonly sigma: number;
}

/** A schedule with its cumulative products worked out. */
export interface Schedule {
  /** The configuration with its defaults filled in. */
  readonly config:
    & Required<Omit<ScheduleConfig, "trainedBetas" | "clipSampleRange" | "thresholding">>
    & Pick<ScheduleConfig, "trainedBetas" | "clipSampleRange" | "thresholding">;
  /** ᾱ at every training timestep, `[T]`, computed in float32 as PyTorch does. */
  readonly alphasCumprod: Float32Array;
  /** ᾱ after the last step: 1 or ᾱ[0], as `setAlphaToOne` says. */
  readonly finalAlphaCumprod: number;
  /** The level at an integer timestep; below 0, the final level. */
  at(timestep: number): NoiseLevel;
}

/**
 * Works out a schedule.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example
 * ```ts
 * import { createSchedule, spacedTimesteps } from "@mobile-diffusion/sdk";
 * const schedule = createSchedule({ timestepSpacing: "trailing" });
 * console.log(spacedTimesteps(schedule, 4)); // [999, 749, 499, 249]
 * ```
 */
export function createSchedule(config: ScheduleConfig = {}): Schedule {
  const filled: Schedule["config"] = {
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
    predictionType: "epsilon",
    timestepSpacing: "leading",
    stepsOffset: 0,
    setAlphaToOne: true,
    rescaleBetasZeroSnr: false,
    ...config,
    trainTimesteps: config.trainedBetas?.length ?? config.trainTimesteps ?? 1000,
  };
  const { trainTimesteps: T } = filled;
  if (!Number.isInteger(T) || T < 1) {
    throw new RangeError(
      `Cannot make a schedule: trainTimesteps is ${T}, expected a whole number of 1 or more.`,
    );
  }
  const alphasCumprod = cumulativeAlphas(filled);
  const finalAlphaCumprod = filled.setAlphaToOne ? 1 : alphasCumprod[0]!;
  return {
    config: filled,
    alphasCumprod,
    finalAlphaCumprod,
    at(timestep) {
      if (timestep < 0) return noiseLevel(-1, finalAlphaCumprod);
      const alphaCumprod = alphasCumprod[timestep];
      if (alphaCumprod === undefined) {
        throw new RangeError(
          `Timestep ${timestep} is not in the schedule: expected a whole number from 0 to ${T - 1}.`,
        );
      }
      return noiseLevel(timestep, alphaCumprod);
    },
  };
}

/** A level from its ᾱ. */
export function noiseLevel(timestep: number, alphaCumprod: number): NoiseLevel {
  return { timestep, alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

/**
 * The timesteps of a run of `steps` steps, descending, as diffusers chooses them.
 *
 * @throws {RangeError} If `steps` is not a whole number from 1 to T.
 */
export function spacedTimesteps(
  { config }: Schedule,
  steps: number,
  spacing: TimestepSpacing = config.timestepSpacing,
): number[] {
  const { trainTimesteps: T, stepsOffset } = config;
  if (!Number.isInteger(steps) || steps < 1 || steps > T) {
    throw new RangeError(`Cannot sample in ${steps} steps: expected a whole number from 1 to ${T}.`);
  }
  switch (spacing) {
    case "leading": {
      const stride = Math.floor(T / steps);
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + stepsOffset);
    }
    case "trailing":
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(T - i * (T / steps)) - 1);
    case "linspace": {
      const stride = steps === 1 ? 0 : (T - 1) / (steps - 1);
      return Array.from({ length: steps }, (_, i) => roundHalfToEven((steps - 1 - i) * stride));
    }
  }
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

/** Rounds to the nearest whole number, halves to the even one, as NumPy does. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function cumulativeAlphas(config: Schedule["config"]): Float32Array {
  const rates = betas(config);
  const bad = rates.find((beta) => !(beta >= 0 && beta < 1));
  if (bad !== undefined) {
    throw new RangeError(
      `Cannot make a schedule: a beta is ${bad}, expected numbers from 0 to 1, 1 excluded.`,
    );
  }
  let product = 1; // PyTorch's cumprod accumulates in float64 and stores float32
  const alphasCumprod = rates.map((beta) => product *= Math.fround(1 - beta));
  return config.rescaleBetasZeroSnr ? rescaleToZeroTerminalSnr(alphasCumprod) : alphasCumprod;
}

function betas(
  { trainTimesteps: T, betaStart, betaEnd, betaSchedule, trainedBetas }: Schedule["config"],
): Float32Array {
  if (trainedBetas !== undefined) return Float32Array.from(trainedBetas);
  switch (betaSchedule) {
    case "linear":
      return linspace(betaStart, betaEnd, T);
    case "scaled_linear":
      return linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), T).map((root) => root * root);
    case "squaredcos_cap_v2": {
      const alphaBar = (t: number) => Math.cos((t + 0.008) / 1.008 * Math.PI / 2) ** 2;
      return Float32Array.from(
        { length: T },
        (_, i) => Math.min(1 - alphaBar((i + 1) / T) / alphaBar(i / T), 0.999),
      );
    }
  }
}

/** As `torch.linspace` in float32: symmetric, from both ends. */
function linspace(start: number, end: number, length: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const step = length === 1 ? 0 : Math.fround((last - first) / (length - 1));
  return Float32Array.from(
    { length },
    (_, i) => i < length / 2 ? first + step * i : last - step * (length - 1 - i),
  );
}

/** Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1. */
function rescaleToZeroTerminalSnr(alphasCumprod: Float32Array): Float32Array {
  const roots = alphasCumprod.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots[roots.length - 1]!];
  const scale = Math.fround(first / Math.fround(first - last));
  return roots.map((root) => Math.fround(Math.fround(root - last) * scale) ** 2);
}
