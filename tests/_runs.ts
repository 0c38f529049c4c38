/** Whole pipeline runs of the reference, from prompt and seed alone. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import type { GenerateOptions } from "../core/generate_options.ts";
import type { Model } from "../core/model.ts";
import { createSchedule } from "../core/schedule.ts";
import { readScheduleConfig } from "../core/schedule_config.ts";
import type { SamplerStep } from "../core/sampler.ts";
import type { Tensor } from "../core/tensor.ts";
import { localFolder, type ModelFolder } from "../parts/model_folder.ts";
import { createPipeline, openModel } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";

/** One run as `runs.json` states it. */
export interface ReferenceRun {
  readonly name: string;
  readonly file: string;
  readonly pipeline_class: string;
  readonly weights: string;
  readonly scheduler: { readonly class: string; readonly config: Record<string, unknown> } | string;
  readonly note: string;
  readonly seed: number | readonly number[];
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly "sensitivity_to_1e-5_relative_change_of_start_latents": {
    readonly latents_max_abs_change: number;
  };
}

/** All runs whose name matches. */
export async function referenceRuns(pattern: RegExp): Promise<ReferenceRun[]> {
  const { runs } = await readJson<{ runs: ReferenceRun[] }>("runs/runs.json");
  return runs.filter(({ name }) => pattern.test(name));
}

/** Makes the run again and compares latents after every step, and pictures. */
export async function checkRun(run: ReferenceRun, backend: Backend): Promise<void> {
  const expected = await readFixture(run.file);
  const { model, eta } = await openRunModel(run, backend);
  await using pipeline = await createPipeline({ model });
  const steps: SamplerStep[] = [];
  const { images, latents } = await pipeline.generate({
    ...await runOptions(run),
    onStep: (step) => steps.push(step),
  });
  // The reference states how far its own result moves when the start moves by 1e-5; ten times that is float32 noise.
  const limit = 10 * run["sensitivity_to_1e-5_relative_change_of_start_latents"].latents_max_abs_change;
  const perStep = expected.float32("step_latents");
  const size = latents.data.length;
  const last = perStep.data.subarray(perStep.data.length - size);
  const difference = maxAbsDifference(latents.data, last);
  assert.ok(
    difference <= limit,
    `${run.name}: final latents are ${difference} off, allowed ${limit} (eta ${eta})`,
  );
  if (expected.has("image")) {
    const pixels = expected.float32("image").data;
    const bytes = images.flatMap(({ data }) => [...data]);
    const off = maxAbsDifference(bytes, pixels.map((value) => Math.round(value * 255)));
    assert.ok(off <= 1, `${run.name}: pictures are ${off}/255 off, allowed 1`);
  }
}

/** The model of a run: its folder with replaced parts, and its own scheduler. */
async function openRunModel({ weights, scheduler, arguments: given }: ReferenceRun, backend: Backend) {
  const [, folder, part, replacement] = weights.match(/^(\S+)(?: with the (\w+) of (\S+))?/)!;
  const base = await localFolder(path(folder!));
  const model = await openModel(
    part === undefined ? base : await replacing(base, part.toLowerCase(), path(replacement!)),
    {
      backend,
    },
  );
  const eta = given.eta as number | undefined;
  if (typeof scheduler === "string") return { model, eta };
  const { schedule, sampler } = readScheduleConfig({ _class_name: scheduler.class, ...scheduler.config });
  const changed: Model = {
    ...model,
    schedule: createSchedule(schedule),
    sampler: createSampler(sampler.name, { ...sampler.options, ...eta !== undefined && { eta } }),
  };
  return { model: changed, eta };
}

async function replacing(base: ModelFolder, component: string, replacement: string): Promise<ModelFolder> {
  const other = await localFolder(replacement);
  const prefix = `${component}/`;
  return {
    ...base,
    read: (file) => file.startsWith(prefix) ? other.read(file.slice(prefix.length)) : base.read(file),
    weights: (name, options) =>
      name === component ? other.weights(".", options) : base.weights(name, options),
  };
}

async function runOptions(
  { arguments: given, seed, pipeline_class }: ReferenceRun,
): Promise<GenerateOptions> {
  const inputs = await readFixture("runs/inputs.safetensors");
  const pixels = (key: string): Tensor => {
    const { data, shape: [height, width] } = inputs.float32(key) as {
      data: Float32Array;
      shape: readonly [number, number];
    };
    const channels = data.length / (height * width);
    const planar = data.map((_, i) => {
      const value = data[i % (height * width) * channels + Math.floor(i / (height * width))]!;
      return key === "image" ? 2 * value - 1 : value;
    });
    return { data: planar, shape: [1, channels, height, width] };
  };
  const count = given.num_images_per_prompt as number | undefined;
  return {
    prompt: given.prompt as string | string[],
    seed,
    steps: given.num_inference_steps as number,
    guidance: given.guidance_scale as number,
    batchNoise: typeof seed === "number" ? "shared" : "separate",
    ...given.negative_prompt !== undefined && { negativePrompt: given.negative_prompt as string | string[] },
    ...given.guidance_rescale !== undefined && { guidanceRescale: given.guidance_rescale as number },
    ...given.width !== undefined && { width: given.width as number, height: given.height as number },
    ...given.strength !== undefined && { image: pixels("image"), strength: given.strength as number },
    ...pipeline_class.includes("Inpaint") && { mask: pixels("mask") },
    ...count !== undefined && { count },
  };
}

function path(relative: string): string {
  return new URL(`./reference/${relative}`, import.meta.url).pathname;
}
