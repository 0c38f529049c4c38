/** Checks of what a sampler computes. */
import { torchNoise } from "../noise/torch_noise.ts";
import type { SamplerSuiteOptions } from "./sampler.ts";
import { check, exactDenoiser, last, SILENT, spread, startNoise, trace } from "./_sampler_world.ts";

type Suite = Required<SamplerSuiteOptions>;

/** Elements of a latent whose mean and variance are estimated, with standard errors √(1/n) and √(2/n). */
const MANY = 2 ** 13;

/** x0 is known, so that after every step only the level's noise is left: the old one, or a fresh one of variance 1. */
export async function pointMass({ create, kind, steps }: Suite): Promise<void> {
  const mean = 0.8;
  const trail = await trace({
    sampler: create(steps),
    denoise: exactDenoiser({ mean, deviation: 0 }),
    start: { noise: startNoise(MANY) },
    noise: kind === "ode" ? SILENT : torchNoise(2),
  });
  for (const { index, latent, level, x0 } of trail.steps) {
    const error = Math.max(...x0.data.map((value) => Math.abs(value - mean)));
    // Consistency models mix in up to c_skip = 1e-3 of the noisy latent on purpose.
    check(error < 5e-3, () => `x0 of step ${index} is off by ${error} on a point.`);
    const rest = latent.data.map((value) => value - level.alpha * mean);
    const variance = rest.reduce((sum, value) => sum + value ** 2, 0) / MANY;
    const expected = level.sigma ** 2;
    check(
      Math.abs(variance - expected) < 5 * Math.sqrt(2 / MANY) * expected + 1e-5,
      () =>
        `After step ${index} the noise has variance ${variance}, expected ${expected}, that of its level.`,
    );
  }
}

/**
 * The error against the ODE's solution, at the steps that end above zero noise (the last step to zero is of first
 * order in any solver), shrinks by 2^order from 20 to 40 steps. Twenty steps are not yet many: solvers of second
 * order show 1.85 to 2.2 there, those of third and fourth order a little less than their order, hence 0.35.
 */
export async function convergence({ create, order }: Suite): Promise<void> {
  const [coarse, fine] = [await largestError(create(20)), await largestError(create(40))];
  const measured = Math.log2(coarse / fine);
  check(
    measured > order - 0.35 || fine < 2e-6, // the latter is float32's own error after 40 steps
    () =>
      `Its error is ${coarse} in 20 steps and ${fine} in 40: order ${
        measured.toFixed(2)
      }, expected ${order}.`,
  );

  async function largestError(sampler: ReturnType<typeof create>): Promise<number> {
    const data = { mean: 0.8, deviation: 0.5 };
    const start = { noise: startNoise(32) };
    const { steps, asked } = await trace({ sampler, denoise: exactDenoiser(data), start, noise: SILENT });
    const { latent: first, at } = asked[0]!;
    const errors = steps.filter(({ level }) => level.sigma > 0).flatMap(({ latent, level }) =>
      Array.from(latent.data, (value, i) => {
        const fixed = (first.data[i]! - at.alpha * data.mean) / spread(data, at); // the ODE keeps this
        return Math.abs(value - level.alpha * data.mean - spread(data, level) * fixed);
      })
    );
    return Math.max(...errors);
  }
}

/**
 * Mean and variance of the result, extrapolated from 50 and 100 steps to infinitely many: a first-order sampler's
 * bias is halved from one to the other. The extrapolation, 2·b − a, multiplies the standard error by √5 at most.
 */
export async function moments({ create }: Suite): Promise<void> {
  const data = { mean: 0.8, deviation: 0.5 };
  const estimate = async (count: number) => {
    const { steps } = await trace({
      sampler: create(count),
      denoise: exactDenoiser(data),
      start: { noise: startNoise(MANY) },
      noise: torchNoise(2),
    });
    const { latent, level } = last(steps);
    const rest = latent.data.map((value) => (value - level.alpha * data.mean) / spread(data, level));
    const mean = rest.reduce((sum, value) => sum + value, 0) / MANY;
    return { mean, variance: rest.reduce((sum, value) => sum + (value - mean) ** 2, 0) / MANY };
  };
  const [coarse, fine] = [await estimate(50), await estimate(100)];
  const mean = 2 * fine.mean - coarse.mean;
  const variance = 2 * fine.variance - coarse.variance;
  check(
    Math.abs(mean) < 3 * Math.sqrt(5 / MANY),
    () => `The mean of its samples is off by ${mean} standard deviations in the limit of many steps.`,
  );
  check(
    Math.abs(variance - 1) < 3 * Math.sqrt(5 * 2 / MANY),
    () => `The variance of its samples is ${variance} times the right one in the limit of many steps.`,
  );
}
