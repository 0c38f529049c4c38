/**
 * PNDM: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", equations 9 to 13. One
 * evaluation a step, two in the first; with the Runge-Kutta warm-up four in each of the first three.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import type { LevelOptions, NoiseLevel, Plan, Schedule, Transition } from "../core/schedule.ts";
import type { Latent, Tensor } from "../core/tensor.ts";
import { stepsOf, variancePreserving } from "./_options.ts";
import { weightedSum } from "./weighted_sum.ts";
import { SPACING } from "./_entry_options.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

/** Options of {@linkcode pndm}. */
export interface PndmOptions extends Pick<LevelOptions, "spacing"> {
  /** Number of steps, 1 … T; 4 … T with the Runge-Kutta warm-up. @default {50} */
  readonly steps?: number;
  /** Whether to leave out the Runge-Kutta warm-up, as Stable Diffusion does (then also called PLMS). @default {true} */
  readonly skipPrkSteps?: boolean;
}

/**
 * Makes a PNDM sampler.
 *
 * A run from a picture keeps a quirk of diffusers: the first step's second evaluation is not repeated, so that
 * every later one is told a timestep that is one step ahead of its latent.
 *
 * @example
 * ```ts
 * import { pndm } from "@mobile-diffusion/sdk/samplers";
 * const sampler = pndm({ steps: 50 });
 * ```
 */
export function pndm(options: PndmOptions = {}): Sampler {
  const { skipPrkSteps = true } = options;
  const steps = stepsOf(options, 50);
  return {
    name: "pndm",
    options,
    steps,
    plan(schedule, steps, { first = 0 } = {}) {
      const { transitions } = variancePreserving("pndm", schedule.plan("timesteps", steps, options));
      const timesteps = transitions.map(({ from }) => from.timestep);
      if (skipPrkSteps) return plmsPlan(schedule, timesteps, first);
      if (steps - first > 3) return rungeKuttaPlan(schedule, timesteps, first);
      throw new RangeError(
        `Cannot sample in ${steps - first} steps with Runge-Kutta steps: expected 4 or more.`,
      );
    },
    async *sample(denoise, { latent, plan: { transitions }, first }, { signal, read }) {
      let z = latent;
      const outputs: Tensor[] = []; // raw, newest first

      const ask = async (latent: Latent, at: NoiseLevel): Promise<Tensor> => {
        signal?.throwIfAborted();
        return (await denoise(latent, at)).raw;
      };
      /** φ of equation 11: from one level to another along the noise that `raw` stands for. */
      const transfer = (raw: Tensor, from: NoiseLevel, to: NoiseLevel) => {
        const { x0, epsilon } = read(raw, z, from);
        return { x0, latent: weightedSum([to.alpha, x0], [to.sigma, epsilon]) };
      };
      /** Equation 13, with the midpoint half a step below the start once, and half a step above the end once. */
      const rungeKutta = async (t: NoiseLevel, below: NoiseLevel, above: NoiseLevel, s: NoiseLevel) => {
        const e1 = await ask(z, t);
        const e2 = await ask(transfer(e1, t, below).latent, above);
        const e3 = await ask(transfer(e2, t, above).latent, above);
        const e4 = await ask(transfer(e3, t, s).latent, s);
        outputs.unshift(e1);
        return transfer(weightedSum([1 / 6, e1], [1 / 3, e2], [1 / 3, e3], [1 / 6, e4]), t, s);
      };
      /** A step, and again with the mean of the slopes at both ends. */
      const improvedEuler = async (t: NoiseLevel, below: NoiseLevel, s: NoiseLevel, above: NoiseLevel) => {
        const e1 = await ask(z, t);
        const e2 = await ask(transfer(e1, t, below).latent, s);
        outputs.unshift(e1);
        return transfer(weightedSum([1 / 2, e1], [1 / 2, e2]), above, s);
      };
      /** Equation 12. */
      const multistep = async (t: NoiseLevel, s: NoiseLevel) => {
        outputs.unshift(await ask(z, t));
        outputs.splice(4);
        return transfer(adamsBashforth(outputs), t, s);
      };

      for (const { from, to, via = [] } of transitions.slice(first)) {
        const [a, b, c] = via;
        const step = c !== undefined
          ? await improvedEuler(from, a!, b!, c)
          : b !== undefined
          ? await rungeKutta(from, a!, b, to)
          : await multistep(from, to);
        z = (yield step) ?? step.latent;
      }
    },
  };
}

/** Strides, the first of which asks again at the second timestep. */
function plmsPlan(schedule: Schedule, timesteps: readonly number[], first: number): Plan {
  const stride = strideOf(schedule, timesteps);
  const transitions = timesteps.map((t) => strideFrom(schedule, t, stride));
  const visits = [...timesteps.slice(0, 2), ...timesteps.slice(1)]; // the second twice
  const [t, s] = visits.slice(first);
  if (t !== undefined && s !== undefined) {
    const [from, to] = [schedule.at(t), schedule.at(s)];
    transitions[first] = { from, to, via: [schedule.at(t - stride), to, schedule.at(s + stride)] };
  }
  return { transitions, startScale: 1 };
}

/** Strides, the first three of which ask at their ends and twice between. */
function rungeKuttaPlan(schedule: Schedule, timesteps: readonly number[], first: number): Plan {
  const stride = strideOf(schedule, timesteps);
  const half = Math.floor(stride / 2);
  const transitions = timesteps.map((t, i): Transition => {
    if (i >= first + 3) return strideFrom(schedule, t, stride);
    const s = timesteps[i + 1]!;
    return { from: schedule.at(t), to: schedule.at(s), via: [schedule.at(t - half), schedule.at(s + half)] };
  });
  return { transitions, startScale: 1 };
}

function strideOf({ last }: Schedule, { length }: readonly number[]): number {
  return Math.floor((last + 1) / length);
}

function strideFrom(schedule: Schedule, t: number, stride: number): Transition {
  return { from: schedule.at(t), to: schedule.at(t - stride) };
}

/** The slope of the linear multistep method over one to four of the newest outputs. */
function adamsBashforth([e1, e2, e3, e4]: readonly Tensor[]): Tensor {
  if (e2 === undefined) return e1!;
  if (e3 === undefined) return weightedSum([3 / 2, e1!], [-1 / 2, e2]);
  if (e4 === undefined) return weightedSum([23 / 12, e1!], [-16 / 12, e2], [5 / 12, e3]);
  return weightedSum([55 / 24, e1!], [-59 / 24, e2], [37 / 24, e3], [-9 / 24, e4]);
}

/** Its line of the list. */
export const entry: SamplerEntry = {
  name: "pndm",
  aliases: ["PLMS", "PNDMScheduler"],
  paper: "Liu et al. 2022, Pseudo Numerical Methods for Diffusion Models on Manifolds",
  evaluations: { perStep: 1, extra: 1 },
  weights: "any",
  steps: 50,
  options: { steps: "number", spacing: SPACING, skipPrkSteps: "boolean" },
  create: pndm,
};
