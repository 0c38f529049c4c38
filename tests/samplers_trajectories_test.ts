/**
 * Whole sampling loops of diffusers 0.40.0 (`tests/reference/schedulers`), step by step and as a whole. Schedule,
 * sampler and options come from the scheduler's config alone.
 */
import assert from "node:assert/strict";
import { runSampler, type SamplerStart } from "../core/run_sampler.ts";
import type { Denoiser } from "../core/sampler.ts";
import { parameterise } from "../core/parameterisation.ts";
import type { NoiseLevel } from "../core/schedule.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import type { Latent } from "../core/tensor.ts";
import { torchNoise } from "../core/torch_noise.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import { weightedSum } from "../samplers/weighted_sum.ts";
import { type Fixture, maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";

interface Case {
  readonly name: string;
  readonly scheduler: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly set_timesteps: {
    readonly num_inference_steps?: number;
    readonly timesteps?: readonly number[];
    readonly sigmas?: readonly number[];
    readonly original_inference_steps?: number;
    readonly strength?: number;
  };
  readonly step_kwargs: Readonly<Record<string, unknown>>;
  readonly init_seed: number;
  readonly step_generator_seed: number;
  readonly start_index: number;
  readonly scales_model_input: boolean;
  readonly max_abs_sample: number;
}

/** What the arguments of diffusers' `step` are called here. */
const STEP_OPTIONS: Readonly<Record<string, string>> = {
  eta: "eta",
  use_clipped_model_output: "useClippedModelOutput",
  s_churn: "churn",
  s_tmin: "churnMin",
  s_tmax: "churnMax",
  s_noise: "churnNoise",
};

/**
 * Relative to the largest sample of a case. The fixture allows 2e-5; float32 sums in another order differ by a tenth of
 * that at most (9e-7 was measured).
 */
const TOLERANCE = 2e-6;

const { cases } = await readJson<{ cases: readonly Case[] }>("schedulers/cases.json");
const fixture = await readFixture("schedulers/trajectories.safetensors");

for (const trajectory of cases) {
  const { name } = trajectory;
  Deno.test(`${name}: each step alone, from the stored sample`, () => replay(trajectory, { stepwise: true }));
  Deno.test(`${name}: the whole loop`, () => replay(trajectory, { stepwise: false }));
}

Deno.test("all 96 cases are there", () => assert.equal(cases.length, 96));

async function replay(trajectory: Case, { stepwise }: { readonly stepwise: boolean }): Promise<void> {
  const { name, scales_model_input: scaled, max_abs_sample: largest, start_index: first } = trajectory;
  const { schedule: config, options, sampler } = settings(trajectory, fixture);
  const schedule = scheduleFrom(config);
  const sample = rowsOf(fixture, `${name}.samples`);
  const output = rowsOf(fixture, `${name}.model_outputs`);
  const timesteps = fixture.numbers(`${name}.timesteps`).slice(first);
  const limit = TOLERANCE * largest;

  /** A variance-preserving latent as the fixture has it: in σ space where the scheduler scales its input. */
  const stored = (latent: Latent, { alpha }: NoiseLevel) =>
    scaled ? weightedSum([1 / alpha, latent]) : latent;
  const same = (latent: Latent, level: NoiseLevel, index: number, what: string) => {
    const difference = maxAbsDifference(stored(latent, level).data, sample(index).data);
    assert.ok(difference <= limit, `${what} ${index}: differs by ${difference}, limit ${limit}`);
  };

  let calls = 0;
  const denoise: Denoiser = (latent, at) => {
    assert.ok(
      Math.abs(at.timestep - timesteps[calls]!) < 2e-3,
      `timestep ${at.timestep}, not ${timesteps[calls]}`,
    );
    same(latent, at, calls, "input");
    return Promise.resolve(parameterise(output(calls++), latent, at, schedule.prediction));
  };
  const made = createSampler(sampler, options);
  const steps = runSampler(made, denoise, startOf(trajectory, made.steps), {
    schedule,
    noise: torchNoise(trajectory.step_generator_seed),
  });
  let replaced: Latent | undefined;
  while (true) {
    const { done, value } = await steps.next(replaced);
    if (done) break;
    same(value.latent, value.level, calls, "sample");
    if (stepwise) replaced = weightedSum([scaled ? value.level.alpha : 1, sample(calls)]);
  }
  assert.equal(calls, output.count, "all stored outputs were asked for");
}

/** The settings that a case stands for. */
function settings({ name, scheduler, config, set_timesteps, step_kwargs }: Case, fixture: Fixture) {
  const { num_inference_steps: steps, timesteps, sigmas, original_inference_steps: originalSteps } =
    set_timesteps;
  // Two things that diffusers does inside are the caller's here: σ of its own making at other timesteps, and
  // timesteps for a part of the schedule.
  const own = name === "euler_log_linear";
  const given = own ? { ...config, interpolation_type: "linear" } : config;
  const { schedule, sampler } = readScheduleConfig({ _class_name: scheduler, ...given });
  const options = {
    ...sampler.options,
    steps,
    timesteps: own || set_timesteps.strength !== undefined ? fixture.numbers(`${name}.timesteps`) : timesteps,
    sigmas: own
      ? fixture.numbers(`${name}.sigmas`).slice(0, steps! + 1)
      : sigmas ?? sampler.options["sigmas"],
    originalSteps: originalSteps ?? sampler.options["originalSteps"],
    ...Object.fromEntries(Object.entries(step_kwargs).map(([key, value]) => [STEP_OPTIONS[key]!, value])),
  };
  return { schedule, sampler: sampler.name, options };
}

function startOf({ name, init_seed, start_index: first }: Case, steps: number): SamplerStart {
  const shape = [1, 4, 4, 4];
  if (first === 0) return { noise: torchNoise(init_seed).normal(shape) };
  return {
    noise: fixture.float32(`${name}.noise`),
    image: fixture.float32(`${name}.x0`),
    strength: (steps - first + 0.5) / steps, // half a step more than needed, for it is rounded down
  };
}

/** Rows of a tensor `[rows, 1, 4, 4, 4]`. */
function rowsOf(fixture: Fixture, name: string): ((index: number) => Latent) & { count: number } {
  const { data, shape: [count, ...shape] } = fixture.float32(name);
  const size = data.length / count!;
  return Object.assign(
    (index: number) => ({ data: data.subarray(index * size, (index + 1) * size), shape }),
    { count: count! },
  );
}
