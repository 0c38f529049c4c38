/** Whole pipeline runs of the reference, from prompt and seed alone. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import type { GenerateOptions } from "../core/generate_options.ts";
import type { Model } from "../core/model.ts";
import type { ControlOptions } from "../core/parts.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import type { SamplerStep } from "../core/run_sampler.ts";
import type { RunSizes, ToldSizes } from "../core/told_sizes.ts";
import type { Tensor } from "../core/tensor.ts";
import { localFolder, type ModelFolder } from "../weights/model_folder.ts";
import { createPipeline, openModel } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";

/** Folders of fixtures. */
type Reference = "reference" | "reference2";

/** One run as `runs.json` states it. */
export interface ReferenceRun {
  /** Folder of the fixtures. */
  readonly reference: Reference;
  readonly name: string;
  readonly file: string;
  readonly pipeline_class: string;
  readonly weights: string;
  readonly scheduler: { readonly class: string; readonly config: Record<string, unknown> } | string;
  readonly note: string;
  readonly seed: number | readonly number[];
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly vae_config_changes?: Readonly<Record<string, unknown>>;
  readonly "sensitivity_to_1e-5_relative_change_of_start_latents": {
    readonly latents_max_abs_change: number;
  };
}

/** All runs whose name matches. */
export async function referenceRuns(
  pattern: RegExp,
  reference: Reference = "reference",
): Promise<ReferenceRun[]> {
  const { runs } = await readJson<{ runs: ReferenceRun[] }>(`../${reference}/runs/runs.json`);
  return runs.filter(({ name }) => pattern.test(name)).map((run) => ({ ...run, reference }));
}

/** Makes the run again and compares its pictures and latents: after every step of DDIM, of the others at the end. */
export async function checkRun(run: ReferenceRun, backend: Backend): Promise<void> {
  const expected = await readFixture(`../${run.reference}/${run.file}`);
  const model = await openRunModel(run, backend);
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
  const count = perStep.data.length / size;
  const ours = /DDIM/.test(schedulerClass(run)) ? steps.map(({ latent }) => latent) : [latents];
  for (const [i, latent] of ours.toReversed().entries()) {
    const reference = perStep.data.subarray((count - 1 - i) * size, (count - i) * size);
    const off = maxAbsDifference(latent.data, reference);
    assert.ok(
      off <= limit,
      `${run.name}: latents ${i} steps before the end are ${off} off, allowed ${limit}`,
    );
  }
  if (expected.has("image")) {
    const pixels = expected.float32("image").data;
    const bytes = images.flatMap(({ data }) => [...data]);
    const off = maxAbsDifference(bytes, pixels.map((value) => Math.round(value * 255)));
    assert.ok(off <= 1, `${run.name}: pictures are ${off}/255 off, allowed 1`);
  }
}

/** The model of a run: its folder with replaced parts, and its own scheduler. */
async function openRunModel(run: ReferenceRun, backend: Backend) {
  const { weights, scheduler, arguments: given, vae_config_changes: fields } = run;
  const [, folder, part, replacement] = weights.match(/^(\S+)(?: with the ([\w-]+) of (\S+))?/)!;
  const named = await localFolder(path(run, folder!));
  const base = fields === undefined ? named : changed(named, "vae/config.json", fields);
  const role = part?.toLowerCase().replaceAll("-", "");
  const model = await openModel(
    role === undefined ? base : await replacing(base, role, path(run, replacement!)),
    { backend },
  );
  const eta = given.eta as number | undefined;
  const timesteps = given.timesteps as number[] | undefined;
  if (typeof scheduler === "string") return model;
  const { schedule, sampler } = readScheduleConfig({ _class_name: scheduler.class, ...scheduler.config });
  const options = {
    ...sampler.options,
    ...eta !== undefined && { eta },
    ...timesteps !== undefined && { timesteps },
  };
  const own: Model = {
    ...model,
    schedule: scheduleFrom(schedule),
    sampler: createSampler(sampler.name, options),
  };
  return own;
}

/** The folder with other fields in one of its configurations. */
function changed(folder: ModelFolder, file: string, fields: object): ModelFolder {
  return {
    ...folder,
    async read(path) {
      const bytes = await folder.read(path);
      if (path !== file) return bytes;
      const json = { ...JSON.parse(new TextDecoder().decode(bytes)), ...fields };
      return new TextEncoder().encode(JSON.stringify(json));
    },
  };
}

function schedulerClass({ scheduler }: ReferenceRun): string {
  return typeof scheduler === "string" ? "" : scheduler.class;
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

async function runOptions(run: ReferenceRun): Promise<GenerateOptions> {
  const { reference, arguments: given, seed, pipeline_class, weights } = run;
  const inputs = await readFixture(`../${reference}/runs/inputs.safetensors`);
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
  const steering = weights.match(/ with (models\/\S+)/)?.[1];
  return {
    prompt: given.prompt as string | string[],
    seed,
    steps: given.num_inference_steps as number,
    guidance: given.guidance_scale as number,
    batchNoise: typeof seed === "number" ? "shared" : "separate",
    ...given.negative_prompt !== undefined && { negativePrompt: given.negative_prompt as string | string[] },
    ...given.prompt_2 !== undefined && { prompt2: given.prompt_2 as string },
    ...given.negative_prompt_2 !== undefined && { negativePrompt2: given.negative_prompt_2 as string },
    ...given.clip_skip !== undefined && { clipSkip: given.clip_skip as number },
    ...toldSizes(given) !== undefined && { sizes: toldSizes(given)! },
    ...given.guidance_rescale !== undefined && { guidanceRescale: given.guidance_rescale as number },
    ...given.width !== undefined && { width: given.width as number, height: given.height as number },
    ...given.strength !== undefined && { image: pixels("image"), strength: given.strength as number },
    ...pipeline_class.includes("Inpaint") && { mask: pixels("mask") },
    ...count !== undefined && { count },
    ...steering !== undefined &&
      {
        control: [{ source: path(run, steering), image: pixels("control_image"), ...controlOptions(given) }],
      },
  };
}

function controlOptions(given: ReferenceRun["arguments"]): ControlOptions {
  const scale = given.controlnet_conditioning_scale ?? given.adapter_conditioning_scale;
  const [start, end] = [given.control_guidance_start, given.control_guidance_end];
  return {
    ...scale !== undefined && { scale: scale as number },
    ...start !== undefined && { window: [start as number, end as number] },
  };
}

/** Pairs of height and width, or top and left, as our options; the library reads a negative size with its target only. */
function toldSizes(given: ReferenceRun["arguments"]): RunSizes | undefined {
  const read = (prefix: "" | "negative_"): ToldSizes => {
    const pair = (name: string) => given[`${prefix}${name}`] as [number, number] | undefined;
    const [original, crop, target] = [
      pair("original_size"),
      pair("crops_coords_top_left"),
      pair("target_size"),
    ];
    return {
      ...original !== undefined && { original: { height: original[0], width: original[1] } },
      ...crop !== undefined && { crop: { top: crop[0], left: crop[1] } },
      ...target !== undefined && { target: { height: target[0], width: target[1] } },
    };
  };
  const [own, negative] = [read(""), read("negative_")];
  const isWhole = negative.original !== undefined && negative.target !== undefined;
  const sizes = { ...own, ...isWhole && { negative } };
  return Object.keys(sizes).length === 0 ? undefined : sizes;
}

function path({ reference }: ReferenceRun, relative: string): string {
  return new URL(`./${reference}/${relative}`, import.meta.url).pathname;
}
