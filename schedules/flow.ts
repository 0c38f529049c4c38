/**
 * The schedule of rectified flow (Liu et al. 2023; Esser et al. 2024, "Scaling Rectified Flow Transformers"): a latent
 * is (1 − σ)·x0 + σ·epsilon, its timestep T·σ, and the network predicts epsilon − x0.
 *
 * @module
 */
import {
  CLEAN,
  type LevelOptions,
  type NoiseLevel,
  type Schedule,
  type SigmaSpacing,
} from "../core/schedule.ts";
import { spacedSigmas } from "./sigmas.ts";

/** How the mu of a dynamic shift grows with the picture: in a line from one size to another. */
export interface ShiftOfSize {
  /** mu at `baseTokens`. @default {0.5} */
  readonly baseShift?: number;
  /** mu at `maxTokens`. @default {1.15} */
  readonly maxShift?: number;
  /** Image tokens of a small picture. @default {256} */
  readonly baseTokens?: number;
  /** Image tokens of a large one. @default {4096} */
  readonly maxTokens?: number;
}

/** Numbers of a flow schedule, in diffusers' terms. */
export interface FlowScheduleConfig {
  /** Number of training timesteps T. @default {1000} */
  readonly trainTimesteps?: number;
  /** How far σ are moved towards noise: σ ← s·σ / (1 + (s − 1)·σ). @default {1} */
  readonly shift?: number;
  /**
   * A shift that depends on the picture's size, in place of `shift`: with s = e^mu ("exponential") or mu ("linear").
   */
  readonly dynamicShift?: { readonly type: "exponential" | "linear"; readonly mu: number };
  /** Stretches σ so that the last one before 0 is this. */
  readonly shiftTerminal?: number;
  /**
   * Whether time runs the other way: the network is told T·(1 − σ), and predicts x0 − epsilon. @default {false}
   */
  readonly invertSigmas?: boolean;
  /** Spacing of the shifted σ between their largest and smallest. @default {evenly, then shifted} */
  readonly sigmas?: Exclude<SigmaSpacing, "lu">;
  /**
   * Whose levels solvers visit: those of diffusers' DPM-Solvers, from 1 − 1/T down, or of its UniPC, from 1 − 10⁻⁶.
   * @default {"dpm"}
   */
  readonly solverLevels?: "dpm" | "unipc";
}

/**
 * Makes a flow schedule.
 *
 * Where nobody gives σ, a static shift is applied twice, as diffusers does: the evenly spaced σ lie between the ends
 * of the table that was already shifted. Given timesteps are told to the network as they are, and their σ are shifted.
 *
 * @throws {RangeError} If a number is out of its range.
 *
 * @example
 * ```ts
 * import { createFlowSchedule } from "@mobile-diffusion/sdk/schedules";
 * const { transitions } = createFlowSchedule({ shift: 3 }).plan("sigmas", 4);
 * console.log(transitions.map(({ from }) => Math.round(from.timestep))); // [1000, 858, 602, 9]
 * ```
 */
export function createFlowSchedule(config: FlowScheduleConfig = {}): Schedule {
  const { trainTimesteps: T = 1000, shift = 1, dynamicShift, shiftTerminal, sigmas, solverLevels } = config;
  const { invertSigmas = false } = config;
  if (!Number.isInteger(T) || T < 1) {
    throw new RangeError(
      `Cannot make a schedule: trainTimesteps is ${T}, expected a whole number of 1 or more.`,
    );
  }
  const mu = dynamicShift?.mu;
  const factor = mu === undefined ? shift : dynamicShift?.type === "linear" ? mu : Math.exp(mu);
  if (!(factor > 0 && factor < Infinity)) {
    throw new RangeError(`Cannot make a schedule: the shift is ${factor}, expected a number above 0.`);
  }
  if (shiftTerminal !== undefined && !(shiftTerminal > 0 && shiftTerminal < 1)) {
    throw new RangeError(
      `Cannot make a schedule: shiftTerminal is ${shiftTerminal}, expected one from 0 to 1.`,
    );
  }
  const shifted = (sigma: number) => factor * sigma / (1 + (factor - 1) * sigma);
  const told = (sigma: number) => Math.fround(T * Math.fround(invertSigmas ? 1 - sigma : sigma));
  const level = (sigma: number, timestep = told(sigma)): NoiseLevel =>
    sigma === 0 ? CLEAN : { timestep, alpha: 1 - sigma, sigma };

  /** σ of the steps, noise falling, without the end. */
  function visited(steps: number, { timesteps, sigmas: given }: LevelOptions): number[] {
    const smallest = mu === undefined ? shifted(1 / T) : 1 / T;
    const own = typeof given === "object"
      ? given.slice(0, steps)
      : timesteps?.map((t) => t / T) ?? evenly(1, smallest, steps);
    const moved = stretch(own.map(shifted));
    const spacing = typeof given === "string" ? given : sigmas;
    if (spacing === undefined) return moved;
    return spacedSigmas(spacing, { max: moved[0]!, min: moved[moved.length - 1]!, steps });
  }

  function stretch(values: readonly number[]): number[] {
    const rest = 1 - (values[values.length - 1] ?? 0);
    if (shiftTerminal === undefined || rest === 0) return [...values];
    return values.map((sigma) => 1 - (1 - sigma) * (1 - shiftTerminal) / rest);
  }

  function solverVisited(steps: number): number[] {
    if (solverLevels !== "unipc") { // in the order of diffusers' sums: whole timesteps hang on the last bit
      const alphas = evenly(1, 1 / T, steps + 1);
      return alphas.slice(1).reverse().map((alpha) => shifted(1 - alpha));
    }
    return evenly(1, 1 / T, steps + 1).slice(0, steps).map(shifted);
  }

  return {
    prediction: invertSigmas ? "reversed_flow_prediction" : "flow_prediction",
    last: T,
    at(timestep) {
      if (timestep <= T) {
        return timestep < 0 ? CLEAN : { ...level(invertSigmas ? 1 - timestep / T : timestep / T), timestep };
      }
      throw new RangeError(`Timestep ${timestep} is not in the schedule: expected a number from 0 to ${T}.`);
    },
    levelOf: (ratio) => level(ratio === Infinity ? 1 : ratio / (1 + ratio)),
    plan(kind, steps, options = {}) {
      const { timesteps, sigmas: given, finalSigma = "zero" } = options;
      check(steps, T, options);
      const free = timesteps === undefined && given === undefined;
      const solver = kind === "solver" && free;
      const own = (solver ? solverVisited(steps) : visited(steps, options))
        .map((sigma) => kind === "solver" ? Math.min(sigma, 1 - 1e-6) : sigma); // λ has to be finite
      const levels = own.map((sigma, i) =>
        level(
          Math.fround(sigma),
          solver ? Math.trunc(T * sigma) : timesteps?.[i],
        )
      );
      const end = typeof given === "object" ? level(shifted(given[steps]!)) : CLEAN;
      levels.push(finalSigma === "zero" ? end : levels[levels.length - 1]!);
      return { transitions: levels.slice(1).map((to, i) => ({ from: levels[i]!, to })), startScale: 1 };
    },
  };
}

/**
 * The mu of a dynamic shift, linear in the number of image tokens: 0.5 at 256 and 1.15 at 4096, unless said otherwise.
 *
 * @example
 * ```ts
 * import { createFlowSchedule, linearMu } from "@mobile-diffusion/sdk/schedules";
 * createFlowSchedule({ dynamicShift: { type: "exponential", mu: linearMu(1024) } }); // 0.63
 * ```
 */
export function linearMu(
  tokens: number,
  { baseShift = 0.5, maxShift = 1.15, baseTokens = 256, maxTokens = 4096 }: ShiftOfSize = {},
): number {
  return baseShift + (tokens - baseTokens) * (maxShift - baseShift) / (maxTokens - baseTokens);
}

function evenly(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => count === 1 ? from : from + i * ((to - from) / (count - 1)));
}

function check(steps: number, T: number, { timesteps, sigmas }: LevelOptions): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > T) {
    throw new RangeError(`Cannot sample in ${steps} steps: expected a whole number from 1 to ${T}.`);
  }
  const lists = [["timesteps", timesteps, steps, T], ["sigmas", sigmas, steps + 1, 1]] as const;
  for (const [what, list, expected, most] of lists) {
    if (list === undefined || typeof list === "string") continue;
    if (list.length !== expected) {
      throw new RangeError(
        `Cannot sample in ${steps} steps: ${list.length} ${what} are given, expected ${expected}.`,
      );
    }
    if (list.every((value, i) => value >= 0 && value <= most && (i === 0 || value < list[i - 1]!))) continue;
    throw new RangeError(
      `Cannot sample at ${what} ${list}: expected numbers that descend from ${most} to 0.`,
    );
  }
}
