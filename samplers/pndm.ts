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
    steps: asked,
    async *sample(denoise, start, { schedule, steps = asked, signal }) {
      const stride = Math.floor(schedule.config.trainTimesteps / steps);
      const warmUp = skipPrkSteps ? 0 : 3;
      const spaced = runTimesteps(schedule, steps, options);
      const all = skipPrkSteps ? [...spaced.slice(0, 2), ...spaced.slice(1)] : spaced; // the second twice
      const transitions = all.slice(0, steps).map((t) => ({ from: schedule.at(t), to: schedule.at(t - stride) }));
      const { run, latent } = begin(start, transitions);
      const visits = all.slice(steps - run.length);
      if (run.length <= warmUp) {
        throw new RangeError(`Cannot sample in ${run.length} steps with the Runge-Kutta warm-up: expected 4 or more.`);
      }
      let z = latent;
      const outputs: Tensor[] = []; // raw, newest first

      const predict = async (latent: Latent, timestep: number): Promise<Tensor> => {
        signal?.throwIfAborted();
        return (await denoise(latent, schedule.at(timestep))).raw;
      };
      /** φ of equation 11: from timestep t to s along the noise that `raw` stands for. */
      const transfer = (latent: Latent, raw: Tensor, t: number, s: number) => {
        const [from, to] = [schedule.at(t), schedule.at(s)];
        const { x0, epsilon } = parameterise(raw, latent, from, schedule.config.predictionType);
        return { x0, latent: weightedSum([to.alpha, x0], [to.sigma, epsilon]), level: to };
      };

      for (let index = 0; index < run.length; index++) {
        let step: ReturnType<typeof transfer>;
        let timestep: number;
        if (index < warmUp) { // equation 13, with half a step down from both ends
          const [t, s] = [visits[index]!, visits[index + 1]!];
          const half = Math.floor(stride / 2);
          timestep = t;
          const e1 = await predict(z, t);
          const e2 = await predict(transfer(z, e1, t, t - half).latent, s + half);
          const e3 = await predict(transfer(z, e2, t, s + half).latent, s + half);
          const e4 = await predict(transfer(z, e3, t, s).latent, s);
          outputs.unshift(e1);
          step = transfer(z, weightedSum([1 / 6, e1], [1 / 3, e2], [1 / 3, e3], [1 / 6, e4]), t, s);
        } else if (index === 0) { // the improved Euler method: a step, and again with the mean of both slopes
          const [t, s] = [visits[0]!, visits[1]];
          timestep = t;
          const e1 = await predict(z, t);
          step = transfer(z, e1, t, t - stride);
          outputs.unshift(e1);
          if (s !== undefined) {
            const e2 = await predict(step.latent, s);
            step = transfer(z, weightedSum([1 / 2, e1], [1 / 2, e2]), s + stride, s);
          }
        } else { // equation 12
          timestep = visits[skipPrkSteps ? index + 1 : index]!;
          outputs.unshift(await predict(z, timestep));
          step = transfer(z, adamsBashforth(outputs), timestep, timestep - stride);
        }
        outputs.length = Math.min(outputs.length, 4);
        z = step.latent;
        z = (yield { index, steps: run.length, timestep, ...step }) ?? z;
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
