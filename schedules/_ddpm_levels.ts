/**
 * Which noise levels a run visits. All of diffusers' conventions about spacing, rounding and the last level are
 * here, so that samplers are formulas only.
 *
 * @module
 */
import { zeroSignalError } from "../core/parameterisation.ts";
import {
  CLEAN,
  type LevelOptions,
  type NoiseLevel,
  type Plan,
  type PlanKind,
  type TimestepSpacing,
  type Transition,
} from "../core/schedule.ts";
import type { DdpmSchedule } from "./ddpm.ts";
import { sigmaLevel, spacedSigmas, timestepOfSigma, trainingSigmas } from "./sigmas.ts";
import { roundHalfToEven, spacedTimesteps } from "./spacing.ts";

/** The plan of a kind. */
export function planLevels(
  schedule: DdpmSchedule,
  kind: PlanKind,
  steps: number,
  options: LevelOptions,
): Plan {
  switch (kind) {
    case "timesteps":
      return {
        transitions: timestepTransitions(schedule, steps, { ...options, final: CLEAN }),
        startScale: 1,
      };
    case "stride":
      return { transitions: strideTransitions(schedule, steps, options), startScale: 1 };
    case "sigmas": {
      const transitions = sigmaTransitions(schedule, steps, options);
      return { transitions, startScale: startScale(schedule, options, transitions[0]!) };
    }
    case "solver":
      return { transitions: solverTransitions(schedule, steps, options), startScale: 1 };
  }
}

/**
 * Under "leading" spacing the first level is not the last trained one and the noise is taken to be the whole
 * latent; otherwise x = σ·noise, a little less than a unit z.
 */
function startScale(
  { config }: DdpmSchedule,
  { spacing = config.timestepSpacing }: LevelOptions,
  { from }: Transition,
): number {
  return spacing === "leading" ? 1 : from.sigma;
}

/**
 * The whole timesteps of a run: the given ones, or spaced ones.
 *
 * @throws {RangeError} If `steps` is not a whole number from 1 to T, or does not fit the given timesteps; or these
 * are not descending whole numbers from T − 1 to 0.
 */
export function runTimesteps(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions = {},
): readonly number[] {
  const { timesteps, spacing } = options;
  if (timesteps === undefined) return spacedTimesteps(schedule, steps, spacing);
  checkLength(steps, "timesteps", timesteps.length, steps);
  checkTimesteps(schedule, timesteps);
  if (!timesteps.every(Number.isInteger)) {
    throw new RangeError(`Cannot sample at timesteps ${timesteps}: expected whole numbers.`);
  }
  return timesteps;
}

/** The levels of {@linkcode runTimesteps}, each step ending where the next begins and the last one at `final`. */
export function timestepTransitions(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions & { readonly final: NoiseLevel },
): Transition[] {
  const levels = runTimesteps(schedule, steps, options).map((timestep) => schedule.at(timestep));
  return pairs([...levels, options.final]);
}

/**
 * The same as DDIM and PNDM count: a step always goes ⌊T/N⌋ timesteps down, wherever the next one begins, and
 * the last one ends at the schedule's final level. With given timesteps each step ends where the next begins.
 */
export function strideTransitions(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions = {},
): Transition[] {
  if (options.timesteps !== undefined) {
    return timestepTransitions(schedule, steps, { ...options, final: schedule.at(-1) });
  }
  const stride = Math.floor(schedule.config.trainTimesteps / steps);
  return runTimesteps(schedule, steps, options)
    .map((timestep) => ({ from: schedule.at(timestep), to: schedule.at(timestep - stride) }));
}

/**
 * Levels for the samplers of k-diffusion (Euler, Heun and their family): "linspace" timesteps are fractional, and
 * spaced σ lie between the σ of the first and of the last timestep.
 *
 * @throws {RangeError} As {@linkcode runTimesteps}; also if σ are given that do not descend, or if the run begins
 * without signal (zero terminal SNR) and the network predicts epsilon.
 */
export function sigmaTransitions(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions = {},
): Transition[] {
  const { trainTimesteps: T, timestepSpacing } = schedule.config;
  const { spacing = timestepSpacing } = options;
  const spaced = spacedTimesteps(schedule, steps, spacing);
  const timesteps = spacing === "linspace"
    ? spaced.map((_, i) => Math.fround(steps === 1 ? 0 : (steps - 1 - i) * ((T - 1) / (steps - 1))))
    : spaced;
  return transitions(schedule, steps, options, { timesteps, toTimestep: (t) => t });
}

/**
 * Levels for the solvers of Lu et al. (DPM-Solver++, UniPC and their family): timesteps are spaced as for one step
 * more, without the last; spaced σ lie between the largest and the smallest trained one; timesteps are whole.
 *
 * @throws {RangeError} As {@linkcode sigmaTransitions}.
 */
export function solverTransitions(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions = {},
): Transition[] {
  const { spacing = schedule.config.timestepSpacing, sigmas, lambdaMinClipped = -Infinity } = options;
  const table = trainingSigmas(schedule);
  const last = table.findLastIndex((sigma) => -Math.log(sigma) >= lambdaMinClipped);
  return transitions(schedule, steps, options, {
    timesteps: solverTimesteps(schedule, steps, spacing, last + 1),
    range: { max: table[table.length - 1]!, min: table[0]! },
    toTimestep: sigmas === "exponential" || sigmas === "beta" ? Math.trunc : roundHalfToEven,
  });
}

function solverTimesteps(
  { config }: DdpmSchedule,
  steps: number,
  spacing: TimestepSpacing,
  T: number,
): number[] {
  const { trainTimesteps, stepsOffset } = config;
  checkSteps(steps, trainTimesteps - 1);
  const down = Array.from({ length: steps }, (_, i) => steps - i);
  switch (spacing) {
    case "leading":
      return down.map((i) => i * Math.floor(T / (steps + 1)) + stepsOffset);
    case "linspace":
      return down.map((i) => roundHalfToEven(i * ((T - 1) / steps)));
    case "trailing":
      return down.map((i) => roundHalfToEven(T - (steps - i) * (trainTimesteps / steps)) - 1).filter((t) =>
        t >= 0
      );
  }
}

/** What a family of samplers has of its own. */
interface Family {
  readonly timesteps: readonly number[];
  /** Largest and smallest of spaced σ, when these are not those of the timesteps. */
  readonly range?: { readonly max: number; readonly min: number };
  /** What the network is told for an interpolated timestep. */
  toTimestep(fractional: number): number;
}

function transitions(
  schedule: DdpmSchedule,
  steps: number,
  options: LevelOptions,
  family: Family,
): Transition[] {
  checkOptions(steps, options);
  const { timesteps = family.timesteps, sigmas, finalSigma = "zero" } = options;
  checkTimesteps(schedule, timesteps);
  const table = trainingSigmas(schedule);
  const own = timesteps.map((timestep) => interpolate(table, timestep));
  const end = finalSigma === "zero" ? CLEAN : sigmaLevel(0, table[0]!);
  const range = family.range ?? { max: own[0]!, min: own[own.length - 1]! };
  const level = (sigma: number, timestep = family.toTimestep(timestepOfSigma(table, sigma))) =>
    sigma === 0 ? CLEAN : sigmaLevel(timestep, Math.fround(sigma));

  const levels = sigmas === undefined
    ? [...own.map((sigma, i) => level(sigma, timesteps[i])), end]
    : typeof sigmas === "string"
    ? [...spacedSigmas(sigmas, { ...range, steps }).map((sigma) => level(sigma)), end]
    : sigmas.map((sigma, i) => level(sigma, options.timesteps?.[i]));

  const { alphasCumprod, config: { trainTimesteps: T, predictionType } } = schedule;
  const { timestep } = levels[0]!;
  const silent = alphasCumprod[T - 1] === 0 && timestep > T - 2;
  if (silent && predictionType === "epsilon") throw zeroSignalError(timestep);
  return pairs(levels);
}

/** Neighbours of a list of levels. */
function pairs(levels: readonly NoiseLevel[]): Transition[] {
  return levels.slice(1).map((to, i) => ({ from: levels[i]!, to }));
}

/** Linear interpolation between whole indices. */
function interpolate(table: Float32Array, index: number): number {
  const low = Math.floor(index);
  const part = index - low;
  return part === 0 ? table[low]! : (1 - part) * table[low]! + part * table[low + 1]!;
}

function checkSteps(steps: number, most: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > most) {
    throw new RangeError(`Cannot sample in ${steps} steps: expected a whole number from 1 to ${most}.`);
  }
}

function checkTimesteps({ config }: DdpmSchedule, timesteps: readonly number[]): void {
  const last = config.trainTimesteps - 1;
  if (timesteps.every((t) => t >= 0 && t <= last) && descends(timesteps)) return;
  throw new RangeError(
    `Cannot sample at timesteps ${timesteps}: expected numbers that descend from ${last} to 0.`,
  );
}

/** Given lists must fit the number of steps, and each other. */
function checkOptions(steps: number, { timesteps, sigmas }: LevelOptions): void {
  if (timesteps !== undefined) checkLength(steps, "timesteps", timesteps.length, steps);
  if (typeof sigmas === "string" && timesteps !== undefined) {
    throw new RangeError(`Cannot space sigmas as "${sigmas}" at given timesteps: expected one of the two.`);
  }
  if (typeof sigmas === "object") {
    checkLength(steps, "sigmas", sigmas.length, steps + 1);
    if (sigmas.every((sigma) => sigma >= 0 && sigma < Infinity) && descends(sigmas)) return;
    throw new RangeError(
      `Cannot sample at sigmas ${sigmas}: expected finite numbers that descend to 0 or more.`,
    );
  }
}

function checkLength(steps: number, what: string, given: number, expected: number): void {
  if (given === expected && steps >= 1) return;
  throw new RangeError(`Cannot sample in ${steps} steps: ${given} ${what} are given, expected ${expected}.`);
}

function descends(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value < values[i - 1]!);
}
