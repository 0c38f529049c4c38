/** Data, networks and runs for the checks of samplers. */
import type { Noise } from "../core/noise.ts";
import { runSampler, type SamplerStart, type SamplerStep } from "../pipeline/run_sampler.ts";
import type { Denoiser, Sampler } from "../core/sampler.ts";
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import type { Latent } from "../core/tensor.ts";
import { torchNoise } from "../noise/torch_noise.ts";

/** Fails a check. */
export function check(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new Error(message());
}

/**
 * A schedule whose λ = log(α/σ) falls linearly from 4 to −4: even steps in time are even steps in λ, the variable
 * in which solvers have their order. Trailing spacing, so that every run begins at the same level.
 */
export function testSchedule(): Schedule {
  const T = 1000;
  const alphaCumprod = (t: number) => 1 / (1 + Math.exp(-2 * (4 - 8 * t / (T - 1))));
  const trainedBetas = Array.from(
    { length: T },
    (_, t) => 1 - alphaCumprod(t) / (t === 0 ? 1 : alphaCumprod(t - 1)),
  );
  return createSchedule({ trainedBetas, timestepSpacing: "trailing" });
}

/** A Gaussian N(mean, deviation²); a point where the deviation is 0. */
export interface Gaussian {
  readonly mean: number;
  readonly deviation: number;
}

/** Standard deviation of z at a level, when the data are such. */
export function spread({ deviation }: Gaussian, { alpha, sigma }: NoiseLevel): number {
  return Math.hypot(alpha * deviation, sigma);
}

/** The best denoiser for the data: x0 is their posterior mean. */
export function exactDenoiser(data: Gaussian): Denoiser {
  return (z, level) => {
    const { alpha, sigma } = level;
    const gain = alpha * (data.deviation / spread(data, level)) ** 2;
    const x0 = z.data.map((value) => data.mean + gain * (value - alpha * data.mean));
    const epsilon = { data: z.data.map((value, i) => (value - alpha * x0[i]!) / sigma), shape: z.shape };
    return Promise.resolve({ raw: epsilon, x0: { data: x0, shape: z.shape }, epsilon });
  };
}

/** Noise of seed 1 to start from. */
export function startNoise(size: number): Latent {
  return torchNoise(1).normal([1, size]);
}

/** Noise that may not be drawn. */
export const SILENT: Noise = {
  normal() {
    throw new Error("It draws noise; an ODE has none.");
  },
};

/** What a run did. */
export interface Trace {
  readonly steps: readonly SamplerStep[];
  /** What the network was asked, call by call. */
  readonly asked: readonly { readonly latent: Latent; readonly at: NoiseLevel }[];
}

/** Options of {@linkcode trace}. */
export interface TraceOptions {
  readonly sampler: Sampler;
  readonly denoise: Denoiser;
  readonly start: SamplerStart;
  readonly noise: Noise;
  readonly steps?: number;
  readonly signal?: AbortSignal;
  /** Called with each step; what it returns is handed back. */
  readonly onStep?: (step: SamplerStep) => Latent | undefined;
}

/** Runs a sampler to its end. */
export async function trace(options: TraceOptions): Promise<Trace> {
  const { sampler, denoise, start, onStep, ...rest } = options;
  const asked: { latent: Latent; at: NoiseLevel }[] = [];
  const steps: SamplerStep[] = [];
  const listening: Denoiser = (latent, at) => {
    asked.push({ latent: { data: latent.data.slice(), shape: latent.shape }, at });
    return denoise(latent, at);
  };
  const run = runSampler(sampler, listening, start, { schedule: testSchedule(), ...rest });
  let replaced: Latent | undefined;
  while (true) {
    const { done, value } = await run.next(replaced);
    if (done) return { steps, asked };
    steps.push(value);
    replaced = onStep?.(value);
  }
}

/** The last of a list that is not empty. */
export function last<T>(list: readonly T[]): T {
  check(list.length > 0, () => "It yields no step.");
  return list[list.length - 1]!;
}

/** Largest absolute difference; NaN anywhere gives NaN. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : NaN;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
