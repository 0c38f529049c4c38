// A sampler of one's own, on data whose best denoiser is known: deno run examples/own_sampler.ts
import { type Denoiser, parameterise, type Sampler } from "@mobile-diffusion/sdk/core";
import { torchNoise } from "@mobile-diffusion/sdk/noise";
import { runSampler } from "@mobile-diffusion/sdk/pipeline";
import { weightedSum } from "@mobile-diffusion/sdk/samplers";
import { createSchedule } from "@mobile-diffusion/sdk/schedules";

/** DDIM on timesteps that crowd towards the end, where pictures get their detail: t = (T − 1) · (1 − i/n)². */
function quadratic(count = 50): Sampler {
  return {
    name: "quadratic",
    steps: count,
    plan(schedule, steps) {
      const levels = Array.from(
        { length: steps },
        (_, i) => schedule.at(Math.round(schedule.last * (1 - i / steps) ** 2)),
      );
      const transitions = levels.map((from, i) => ({ from, to: levels[i + 1] ?? schedule.at(-1) }));
      return { transitions, startScale: 1 };
    },
    async *sample(denoise, { latent: z, plan, first }, { signal }) {
      for (const { from, to } of plan.transitions.slice(first)) {
        signal?.throwIfAborted();
        const { x0, epsilon } = await denoise(z, from);
        z = weightedSum([to.alpha, x0], [to.sigma, epsilon]);
        z = (yield { latent: z, x0 }) ?? z;
      }
    },
  };
}

// Pictures of one pixel, N(3, 0.5²): the best guess of x0 given z is a formula, so no network is needed.
const gaussian: Denoiser = (z, at) => {
  const gain = at.alpha * 0.25 / (at.alpha ** 2 * 0.25 + at.sigma ** 2);
  const x0 = { data: z.data.map((value) => 3 + gain * (value - at.alpha * 3)), shape: z.shape };
  return Promise.resolve(parameterise(x0, z, at, "sample"));
};

const schedule = createSchedule({ rescaleBetasZeroSnr: true, predictionType: "sample" }); // begins with noise only
const start = { noise: torchNoise(7).normal([1, 10_000]) };
let samples = start.noise.data;
for await (const step of runSampler(quadratic(), gaussian, start, { schedule, noise: torchNoise(8) })) {
  samples = step.latent.data;
}
const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
const deviation = Math.sqrt(samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples.length);
console.log(`N(${mean.toFixed(2)}, ${deviation.toFixed(2)}²), expected N(3, 0.5²)`);
