/**
 * The schedule of DDPM (Ho et al. 2020): a table of how much noise there is at each training timestep.
 *
 * @module
 */
import type { NoiseLevel, PredictionType, Schedule, TimestepSpacing } from "../core/schedule.ts";
import { planLevels } from "./_ddpm_levels.ts";
import { clip, threshold, type Thresholding } from "./_limits.ts";
import { sigmaLevel, timestepOfSigma, trainingSigmas } from "./sigmas.ts";

export type { Thresholding };

/** How much noise is added from one training timestep to the next. */
export type BetaSchedule = "linear" | "scaled_linear" | "squaredcos_cap_v2";

/** What a `scheduler_config.json` says about the numbers of a schedule, in diffusers' terms. */
export interface ScheduleConfig {
  /** Tells it from the numbers of a flow schedule. @default {"ddpm"} */
  readonly kind?: "ddpm";
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
  readonly thresholding?: Thresholding;
}

/** A schedule with its cumulative products worked out. */
export interface DdpmSchedule extends Schedule {
  /** The configuration with its defaults filled in. */
  readonly config:
    & Required<Omit<ScheduleConfig, "kind" | "trainedBetas" | "clipSampleRange" | "thresholding">>
    & Pick<ScheduleConfig, "trainedBetas" | "clipSampleRange" | "thresholding">;
  /** ᾱ at every training timestep, `[T]`, computed in float32 as PyTorch does. */
  readonly alphasCumprod: Float32Array;
  /** ᾱ after the last step: 1 or ᾱ[0], as `setAlphaToOne` says. */
  readonly finalAlphaCumprod: number;
}

/**
 * Works out a schedule.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example
 * ```ts
 * import { createSchedule } from "@mobile-diffusion/sdk/schedules";
 * const schedule = createSchedule({ timestepSpacing: "trailing" });
 * const { transitions } = schedule.plan("timesteps", 4);
 * console.log(transitions.map(({ from }) => from.timestep)); // [999, 749, 499, 249]
 * ```
 */
export function createSchedule(config: ScheduleConfig = {}): DdpmSchedule {
  const filled: DdpmSchedule["config"] = {
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
  const { clipSampleRange, thresholding } = filled;
  const limitByQuantile = thresholding === undefined ? undefined : threshold(thresholding);
  const limitX0 = limitByQuantile ?? (clipSampleRange === undefined ? undefined : clip(clipSampleRange));
  const schedule: DdpmSchedule = {
    config: filled,
    alphasCumprod,
    finalAlphaCumprod,
    prediction: filled.predictionType,
    last: T - 1,
    ...limitX0 !== undefined && { clip: limitX0 }, // the thresholding wins
    ...limitByQuantile !== undefined && { threshold: limitByQuantile },
    levelOf: (ratio) => sigmaLevel(timestepOfSigma(trainingSigmas(schedule), ratio), ratio),
    plan: (kind, steps, options = {}) => planLevels(schedule, kind, steps, options),
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
  return schedule;
}

/** A level from its ᾱ. */
export function noiseLevel(timestep: number, alphaCumprod: number): NoiseLevel {
  return { timestep, alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

function cumulativeAlphas(config: DdpmSchedule["config"]): Float32Array {
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
  { trainTimesteps: T, betaStart, betaEnd, betaSchedule, trainedBetas }: DdpmSchedule["config"],
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
