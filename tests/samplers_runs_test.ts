/**
 * Every run of `tests/reference/runs` with its own sampler, the network's outputs replayed: seeds, guidance, batches,
 * runs from a picture and repainting, without a network.
 */
import assert from "node:assert/strict";
import { guide } from "../core/guidance.ts";
import type { Noise } from "../core/noise.ts";
import { addNoise, parameterise } from "../core/parameterisation.ts";
import { runSampler, type SamplerStart, type SamplerStep } from "../core/run_sampler.ts";
import type { Denoiser } from "../core/sampler.ts";
import type { NoiseLevel } from "../core/schedule.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import { type Latent, sliceRows, type Tensor } from "../core/tensor.ts";
import { rowNoise, torchNoise } from "../core/torch_noise.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import { weightedSum } from "../samplers/weighted_sum.ts";
import { type Fixture, maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";
import { firstLevel } from "./_sampling.ts";

interface Run {
  readonly name: string;
  readonly file: string;
  readonly pipeline_class: string;
  readonly weights: string;
  readonly scheduler: "as in the folder" | {
    readonly class: string;
    readonly config: Record<string, unknown>;
  };
  readonly seed: number | readonly number[];
  readonly arguments: {
    readonly guidance_scale: number;
    readonly guidance_rescale?: number;
    readonly num_inference_steps: number;
    readonly eta?: number;
    readonly strength?: number;
  };
}

/** Relative to the largest latent, as for whole loops of the schedulers (7e-7 was measured). */
const TOLERANCE = 2e-6;

/** Schedulers whose latents are x0 + σ·epsilon. */
const SIGMA_SPACE = ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler"];

const { runs } = await readJson<{ runs: readonly Run[] }>("runs/runs.json");

for (const run of runs) {
  Deno.test(`${run.name}: the sampler, with the network's outputs replayed`, async () => {
    await replay(run, await readFixture(run.file));
  });
}

Deno.test("all 42 runs are there", () => assert.equal(runs.length, 42));

async function replay(run: Run, fixture: Fixture): Promise<void> {
  const { guidance_scale: scale, guidance_rescale: rescale = 0, num_inference_steps: steps, eta } =
    run.arguments;
  const { _class_name, ...config } = await schedulerOf(run);
  const read = readScheduleConfig({ _class_name, ...config });
  const schedule = scheduleFrom(read.schedule);
  const sampler = createSampler(read.sampler.name, { ...read.sampler.options, steps, eta });
  const scaled = SIGMA_SPACE.includes(_class_name);

  const outputs = fixture.float32("unet_out");
  const latents = fixture.float32("step_latents");
  const first = fixture.float32("start_latents");
  const limit = TOLERANCE *
    [...latents.data, ...first.data].reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const same = (latent: Latent, alpha: number, stored: ArrayLike<number>, what: string) => {
    const difference = maxAbsDifference(scaled ? weightedSum([1 / alpha, latent]).data : latent.data, stored);
    assert.ok(difference <= limit, `${what}: differs by ${difference}, limit ${limit}`);
  };

  let calls = 0;
  const denoise: Denoiser = (latent, at) => {
    if (calls === 0) same(latent, at.alpha, first.data, "start");
    const output = part(outputs, calls++);
    const rows = latent.shape[0]!;
    const raw = output.shape[0] === rows
      ? output
      : guide(sliceRows(output, 0, rows), sliceRows(output, rows, 2 * rows), { scale, rescale });
    return Promise.resolve(parameterise(raw, latent, at, schedule.prediction));
  };
  const noise = typeof run.seed === "number" ? torchNoise(run.seed) : rowNoise(run.seed.map(torchNoise));
  const { start, blend } = await startOf(
    run,
    fixture,
    noise,
    scaled,
    (given) => firstLevel(sampler, given, schedule),
  );
  const generator = runSampler(sampler, denoise, start, { schedule, noise });
  let replaced: Latent | undefined;
  let index = 0;
  while (true) {
    const { done, value } = await generator.next(replaced);
    if (done) break;
    replaced = blend?.(value);
    same(replaced ?? value.latent, value.level.alpha, part(latents, index++).data, `step ${index}`);
  }
  assert.equal(index, latents.shape[0]);
  assert.equal(calls, outputs.shape[0]);
}

/** Where a run begins, after the draws that its pipeline makes before the first step. */
async function startOf(
  { arguments: { strength }, weights, pipeline_class }: Run,
  fixture: Fixture,
  stream: Noise,
  scaled: boolean,
  levelOf: (start: SamplerStart) => Promise<NoiseLevel>,
): Promise<{ start: SamplerStart; blend?: (step: SamplerStep) => Latent }> {
  const first = fixture.float32("start_latents");
  const draw = () => stream.normal(first.shape);
  if (strength === undefined) return { start: { noise: draw() } };

  const repaints = pipeline_class.includes("Inpaint");
  const blends = repaints && !weights.includes("inpaint9"); // networks of 9 channels see the known area
  if (blends || strength < 1 || !repaints) draw(); // for the picture's posterior
  const noise = draw();
  if (repaints) {
    assert.deepEqual(fixture.float32("noise").data, noise.data);
    draw(); // for the masked picture's posterior
  }
  const given = { noise, image: noise, strength };
  const { alpha, sigma } = await levelOf(given);
  const image = repaints && blends
    ? fixture.float32("image_latents")
    : weightedSum([(scaled ? alpha : 1) / alpha, first], [-sigma / alpha, noise]);
  const start = repaints && strength === 1 ? { noise } : { noise, image, strength };
  return blends ? { start, blend: (step) => repaint(step, fixture, noise) } : { start };
}

/** The known area at the step's level, without noise after the last step; the repainted area from the step. */
function repaint({ latent, level, index, steps }: SamplerStep, fixture: Fixture, noise: Latent): Latent {
  const image = fixture.float32("image_latents");
  const { data: mask } = fixture.float32("mask_latents");
  const known = index === steps - 1 ? image : addNoise(image, noise, level);
  const plane = 8 * 8;
  const data = latent.data.map((value, i) => mask[i % plane]! ? value : known.data[i]!);
  return { data, shape: latent.shape };
}

async function schedulerOf(
  { scheduler, weights }: Run,
): Promise<Record<string, unknown> & { _class_name: string }> {
  return scheduler === "as in the folder"
    ? await readJson(`${weights}/scheduler/scheduler_config.json`)
    : { _class_name: scheduler.class, ...scheduler.config };
}

/** One entry of a tensor `[entries, rows, 4, height, width]`. */
function part({ data, shape: [entries, ...shape] }: Tensor, index: number): Tensor {
  const size = data.length / entries!;
  return { data: data.subarray(index * size, (index + 1) * size), shape };
}
