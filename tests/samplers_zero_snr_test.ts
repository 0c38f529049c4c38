/**
 * Zero terminal SNR, as the embedded model has it: a run begins at noise alone, where σ/α is infinite (or 4096, where
 * diffusers cuts it off). No sampler may take a slope over that interval, which multiplies what a network gets wrong.
 */
import assert from "node:assert/strict";
import { parameterise } from "../core/parameterisation.ts";
import { runSampler } from "../core/run_sampler.ts";
import type { Denoiser } from "../core/sampler.ts";
import type { SigmaSpacing, TimestepSpacing } from "../core/schedule.ts";
import { torchNoise } from "../core/torch_noise.ts";
import { createSampler, SAMPLERS } from "../samplers/mod.ts";
import { createSchedule } from "../schedules/ddpm.ts";

const DATA = { mean: 0.8, deviation: 0.5 };
const SIGMAS: readonly (TimestepSpacing | SigmaSpacing)[] = ["karras", "exponential"]; // "beta" steps from hundreds to 0 at the end
const count = 64;

/** The best denoiser of Gaussian data by way of v, off by `error` times fresh noise at each call. */
function denoiser(error: number): Denoiser {
  const errors = torchNoise(7);
  return (z, at) => {
    const wrong = errors.normal(z.shape).data;
    const gain = at.alpha * DATA.deviation ** 2 / (at.alpha ** 2 * DATA.deviation ** 2 + at.sigma ** 2);
    const v = z.data.map((value, i) => {
      const x0 = DATA.mean + gain * (value - at.alpha * DATA.mean);
      const epsilon = (value - at.alpha * x0) / at.sigma;
      return at.alpha * epsilon - at.sigma * x0 + error * wrong[i]!;
    });
    return Promise.resolve(parameterise({ data: v, shape: z.shape }, z, at, "v_prediction"));
  };
}

/** The latents of all steps; the last one is the picture. */
async function latents(
  name: string,
  spacing: TimestepSpacing | SigmaSpacing,
  error: number,
): Promise<Float32Array[]> {
  const schedule = createSchedule({
    rescaleBetasZeroSnr: true,
    predictionType: "v_prediction",
    timestepSpacing: spacing === "linspace" ? spacing : "trailing",
  });
  const sampler = createSampler(name, {
    ...name === "ddpm" && { steps: 250 },
    ...SIGMAS.includes(spacing) && { sigmas: spacing },
  });
  const start = { noise: torchNoise(1).normal([1, count]) };
  const run = runSampler(sampler, denoiser(error), start, { schedule, noise: torchNoise(2) });
  return (await Array.fromAsync(run)).map(({ latent }) => latent.data);
}

for (const { name, weights, options } of SAMPLERS) {
  if (weights !== "any") continue;
  for (const spacing of ["trailing", "linspace", ...SIGMAS] as const) {
    if (SIGMAS.includes(spacing) && !("sigmas" in options)) continue;
    Deno.test(`${name} with ${spacing} spacing does not enlarge a network's error at noise alone`, async () => {
      const error = 0.02;
      const [right, off] = [await latents(name, spacing, 0), await latents(name, spacing, error)];
      const enlarged = off.map((latent, step) => {
        const squares = latent.reduce((sum, value, i) => sum + (value - right[step]![i]!) ** 2, 0);
        return Math.sqrt(squares / count) / error;
      });
      if (Deno.env.get("SHOW")) console.log(name, spacing, enlarged[0], Math.max(...enlarged));
      assert.ok(enlarged[0]! < 0.1, `the first step makes an error of ${error} ${enlarged[0]} times that`);
      assert.ok(
        Math.max(...enlarged) < 3,
        `an error of ${error} becomes ${enlarged} times that, step by step`,
      );
      const mean = right[right.length - 1]!.reduce((sum, value) => sum + value, 0) / count;
      assert.ok(Math.abs(mean - DATA.mean) < 0.3, `mean ${mean}, expected ${DATA.mean}`);
    });
  }
}
