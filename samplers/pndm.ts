/**
 * PNDM: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds", equations 9 to 13. One
 * evaluation a step, two in the first; with the Runge-Kutta warm-up four in each of the first three.
 *
 * @module
 */
import { parameterise } from "../core/parameterisation.ts";
import type { Sampler } from "../core/sampler.ts";
import { runTimesteps, type TimestepOptions } from "../core/schedule_levels.ts";
import type { Latent, Tensor } from "../core/tensor.ts";
import { begin, stepsOf } from "./_run.ts";
import { weightedSum } from "./weighted_sum.ts";

/** Options of {@linkcode pndm}. */
export interface PndmOptions extends Pick<TimestepOptions, "spacing"> {
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
  const asked = stepsOf(options, 50);
  return {
    name: "pndm",
    options,
    steps: asked,
    async *sample(denoise, start, { schedule, steps = asked, signal }) {
      const spaced = runTimesteps(schedule, steps, options);
      const stride = Math.floor(schedule.config.trainTimesteps / steps);
      const visits = skipPrkSteps ? [...spaced.slice(0, 2), ...spaced.slice(1)] : spaced; // the second twice
      const transitions = visits.slice(0, steps).map((t) => ({
        from: schedule.at(t),
        to: schedule.at(t - stride),
      }));
      const { run, latent } = begin(start, transitions);
      const [first, second, ...rest] = visits.slice(steps - run.length);
      const timesteps = skipPrkSteps ? [first!, ...rest] : [first!, second!, ...rest];
      const warmUp = skipPrkSteps ? 0 : 3;
      if (run.length <= warmUp) {
        throw new RangeError(
          `Cannot sample in ${run.length} steps with Runge-Kutta steps: expected 4 or more.`,
        );
      }
      let z = latent;
      const outputs: Tensor[] = []; // raw, newest first

      const ask = async (latent: Latent, timestep: number): Promise<Tensor> => {
        signal?.throwIfAborted();
        return (await denoise(latent, schedule.at(timestep))).raw;
      };
      /** φ of equation 11: from timestep t to s along the noise that `raw` stands for. */
      const transfer = (raw: Tensor, t: number, s: number) => {
        const [from, to] = [schedule.at(t), schedule.at(s)];
        const { x0, epsilon } = parameterise(raw, z, from, schedule.config.predictionType);
        return { x0, latent: weightedSum([to.alpha, x0], [to.sigma, epsilon]), level: to };
      };
      /** Equation 13, with the midpoint half a step below t once, and half a step above s once. */
      const rungeKutta = async (t: number, s: number) => {
        const half = Math.floor(stride / 2);
        const e1 = await ask(z, t);
        const e2 = await ask(transfer(e1, t, t - half).latent, s + half);
        const e3 = await ask(transfer(e2, t, s + half).latent, s + half);
        const e4 = await ask(transfer(e3, t, s).latent, s);
        outputs.unshift(e1);
        return transfer(weightedSum([1 / 6, e1], [1 / 3, e2], [1 / 3, e3], [1 / 6, e4]), t, s);
      };
      /** A step, and again with the mean of the slopes at both ends. */
      const improvedEuler = async (t: number, s: number) => {
        const e1 = await ask(z, t);
        const e2 = await ask(transfer(e1, t, t - stride).latent, s);
        outputs.unshift(e1);
        return transfer(weightedSum([1 / 2, e1], [1 / 2, e2]), s + stride, s);
      };
      /** Equation 12. */
      const multistep = async (t: number) => {
        outputs.unshift(await ask(z, t));
        outputs.splice(4);
        return transfer(adamsBashforth(outputs), t, t - stride);
      };

      for (const [index, timestep] of timesteps.entries()) {
        const step = index < warmUp
          ? await rungeKutta(timestep, timesteps[index + 1]!)
          : index === 0 && second !== undefined
          ? await improvedEuler(timestep, second)
          : await multistep(timestep);
        z = (yield { index, steps: run.length, timestep, ...step }) ?? step.latent;
      }
    },
  };
}

/** The slope of the linear multistep method over one to four of the newest outputs. */
function adamsBashforth([e1, e2, e3, e4]: readonly Tensor[]): Tensor {
  if (e2 === undefined) return e1!;
  if (e3 === undefined) return weightedSum([3 / 2, e1!], [-1 / 2, e2]);
  if (e4 === undefined) return weightedSum([23 / 12, e1!], [-16 / 12, e2], [5 / 12, e3]);
  return weightedSum([55 / 24, e1!], [-59 / 24, e2], [37 / 24, e3], [-9 / 24, e4]);
}
