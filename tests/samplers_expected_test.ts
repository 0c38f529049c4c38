/**
 * The sums and means that diffusers 0.40.0 asserts in its own tests (`tests/reference/schedulers`), each by a run of
 * our sampler for its scheduler's config.
 */
import assert from "node:assert/strict";
import type { Noise } from "../core/noise.ts";
import { parameterise } from "../core/parameterisation.ts";
import { runSampler, type SamplerStart } from "../core/run_sampler.ts";
import type { Denoiser, Sampler } from "../core/sampler.ts";
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { spacedTimesteps } from "../schedules/spacing.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import type { Latent } from "../core/tensor.ts";
import { torchNoise } from "../core/torch_noise.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import { weightedSum } from "../samplers/weighted_sum.ts";
import { readJson } from "./_fixtures.ts";
import { firstLevel, SILENT } from "./_sampling.ts";

interface Entry {
  readonly scheduler: string;
  readonly source_test: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly num_inference_steps: number | null;
  readonly generator_seed: number | null;
  readonly loop: "plain" | "with_noise" | "all_train_timesteps" | "sigma" | "sigma_with_noise" | "prk_plms";
  readonly t_start_index: number | null;
  readonly step_kwargs: Readonly<Record<string, unknown>>;
  readonly sample_dims: 1 | 2;
  readonly expected_abs_sum: number | null;
  readonly abs_sum_tolerance: number | null;
  readonly expected_abs_mean: number;
  readonly abs_mean_tolerance: number;
}

interface Published {
  readonly ddim_steps_offset_1_five_steps_timesteps: readonly number[];
  readonly pndm_steps_offset_1_ten_steps_timesteps: readonly number[];
  readonly ddim_variance: readonly { t: number; prev_t: number; expected: number; tolerance: number }[];
  readonly ddpm_variance: readonly { t: number; expected: number; tolerance: number }[];
}

const { entries, other_published_values: published } = await readJson<
  { entries: readonly Entry[]; other_published_values: Published }
>("schedulers/scheduler_expected.json");

for (const entry of entries) {
  Deno.test(`${entry.scheduler} ${entry.source_test}`, async () => {
    const { data } = await run(entry);
    const sum = data.reduce((total, value) => total + Math.abs(value), 0);
    if (entry.expected_abs_sum !== null) within(sum, entry.expected_abs_sum, entry.abs_sum_tolerance!);
    within(sum / data.length, entry.expected_abs_mean, entry.abs_mean_tolerance);
  });
}

Deno.test("all 43 entries are there", () => assert.equal(entries.length, 43));

function within(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual}, expected ${expected} ± ${tolerance}`);
}

/** The last sample of an entry's loop. */
async function run(entry: Entry): Promise<Latent> {
  const { scheduler, config, step_kwargs, generator_seed: seed, loop } = entry;
  const read = readScheduleConfig({ _class_name: scheduler, ...config });
  const schedule = scheduleFrom(read.schedule);
  const steps = entry.num_inference_steps ?? schedule.last + 1;
  const sampler = createSampler(read.sampler.name, { ...read.sampler.options, ...step_kwargs, steps });
  const noise = seed === null ? SILENT : torchNoise(seed);
  const start = await startOf(entry, sampler, schedule);
  return loop.startsWith("sigma")
    ? await sigmaLoop(sampler, start, schedule, noise)
    : await plainLoop(sampler, start, schedule, noise);
}

async function plainLoop(
  sampler: Sampler,
  start: SamplerStart,
  schedule: Schedule,
  noise: Noise,
): Promise<Latent> {
  const denoise: Denoiser = (z, at) =>
    Promise.resolve(parameterise(model(z, at), z, at, schedule.prediction));
  let last = start.noise;
  for await (const { latent } of runSampler(sampler, denoise, start, { schedule, noise })) last = latent;
  return last;
}

/**
 * The loop over σ of diffusers' tests scales the sample x to α·x for the network, as it should, and then hands α·x
 * to the step as well, in the place of x. A variance-preserving latent is α times a sample, so each must be scaled
 * once more here before the sampler goes on from it.
 */
async function sigmaLoop(
  sampler: Sampler,
  start: SamplerStart,
  schedule: Schedule,
  noise: Noise,
): Promise<Latent> {
  const type = schedule.prediction;
  let atStart = true; // of a step, whose latent was scaled already
  const denoise: Denoiser = (z, at) => {
    const [scaled, input] = atStart ? [z, weightedSum([1 / at.alpha, z])] : [weightedSum([at.alpha, z]), z];
    atStart = false;
    return Promise.resolve(parameterise(model(input, at), scaled, at, type));
  };
  const { alpha } = await firstLevel(sampler, start, schedule);
  const once = (latent: Latent) => weightedSum([alpha, latent]);
  const { noise: drawn, image } = start;
  const scaledStart = image === undefined
    ? { noise: once(drawn) }
    : { ...start, noise: once(drawn), image: once(image) };
  const steps = runSampler(sampler, denoise, scaledStart, { schedule, noise });
  let last = start.noise;
  let replaced: Latent | undefined;
  while (true) {
    const { done, value } = await steps.next(replaced);
    if (done) return last;
    last = weightedSum([1 / value.level.alpha, value.latent]);
    replaced = weightedSum([value.level.alpha, value.latent]);
    atStart = true;
  }
}

async function startOf(
  { loop, sample_dims, t_start_index: index }: Entry,
  sampler: Sampler,
  schedule: Schedule,
): Promise<SamplerStart> {
  const shape = sample_dims === 2 ? [4, 3, 8, 8] : [4, 3, 8];
  const size = sample_dims === 2 ? 768 : 96;
  const rows = 4;
  // Position k of the tensor with the rows last, for element i of the tensor with the rows first.
  const position = (i: number) => (i % (size / rows)) * rows + Math.floor(i / (size / rows));
  const sample = { data: Float32Array.from({ length: size }, (_, i) => position(i) / size), shape };
  if (!loop.endsWith("with_noise")) return { noise: sample };
  const noise = {
    data: Float32Array.from({ length: size }, (_, i) => (size - 1 - position(i)) / size),
    shape,
  };
  const { alpha, sigma } = await firstLevel(sampler, { noise }, schedule);
  const image = loop.startsWith("sigma") ? weightedSum([sigma / alpha, sample]) : sample; // times init_noise_sigma
  return { noise, image, strength: (sampler.steps - index! + 0.5) / sampler.steps };
}

/** The dummy network of diffusers' tests. */
function model({ data, shape }: Latent, { timestep: t }: NoiseLevel): Latent {
  return { data: data.map((value) => value * t / (t + 1)), shape };
}

Deno.test("timesteps that diffusers' tests list", async () => {
  const schedule = createSchedule({
    betaStart: 0.0001,
    betaEnd: 0.02,
    betaSchedule: "linear",
    stepsOffset: 1,
  });
  assert.deepEqual(spacedTimesteps(schedule, 5), published.ddim_steps_offset_1_five_steps_timesteps);
  const asked: number[] = [];
  const denoise: Denoiser = (z, { timestep }) => {
    asked.push(timestep);
    return Promise.resolve({ raw: z, x0: z, epsilon: z });
  };
  const start = { noise: { data: new Float32Array(4), shape: [1, 4] } };
  const steps = runSampler(createSampler("pndm", { steps: 10, skipPrkSteps: false }), denoise, start, {
    schedule,
    noise: SILENT,
  });
  while (!(await steps.next()).done);
  assert.deepEqual(asked, published.pndm_steps_offset_1_ten_steps_timesteps);
});

/** Variance of the noise that a stochastic sampler adds in its first step from t to s, with a network of zeros. */
async function addedVariance(
  name: string,
  options: Record<string, unknown>,
  t: number,
  s: number,
): Promise<number> {
  const schedule = createSchedule({ betaStart: 0.0001, betaEnd: 0.02, betaSchedule: "linear" });
  const zeros = { data: new Float32Array(1), shape: [1, 1] };
  const ones: Noise = { normal: (shape) => ({ data: new Float32Array(1).fill(1), shape }) };
  const sampler = createSampler(name, { ...options, timesteps: [t, s] });
  const denoise: Denoiser = () => Promise.resolve({ raw: zeros, x0: zeros, epsilon: zeros });
  const { value } = await runSampler(sampler, denoise, { noise: zeros }, { schedule, noise: ones }).next();
  return value!.latent.data[0]! ** 2;
}

Deno.test("variances that diffusers' tests list", async () => {
  for (const { t, prev_t, expected, tolerance } of published.ddim_variance) {
    if (t === prev_t) continue; // no step; its variance is 0 by definition
    within(await addedVariance("ddim", { eta: 1 }, t, prev_t), expected, tolerance);
  }
  for (const { t, expected, tolerance } of published.ddpm_variance) {
    if (t === 0) continue; // the last step, which adds no noise
    within(await addedVariance("ddpm", {}, t, t - 1), expected, tolerance);
  }
});
