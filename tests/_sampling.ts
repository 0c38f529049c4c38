/** What the tests of samplers share. */
import type { Noise } from "../core/noise.ts";
import { runSampler, type SamplerStart } from "../pipeline/run_sampler.ts";
import type { Denoiser, Sampler } from "../core/sampler.ts";
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import { torchNoise } from "../noise/torch_noise.ts";

/** The level at which a run first asks its network. */
export async function firstLevel(
  sampler: Sampler,
  start: SamplerStart,
  schedule: Schedule,
): Promise<NoiseLevel> {
  let first: NoiseLevel | undefined;
  const denoise: Denoiser = (z, at) => {
    first ??= at;
    return Promise.resolve({ raw: z, x0: z, epsilon: z });
  };
  await runSampler(sampler, denoise, start, { schedule, noise: torchNoise(0) }).next();
  return first!;
}

/** For runs that may draw no noise. */
export const SILENT: Noise = {
  normal() {
    throw new Error("This run draws noise and should not.");
  },
};
