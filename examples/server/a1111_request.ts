/**
 * A request of A1111's API as options of a job: what changes a picture is used, said in the comments, or refused.
 *
 * @module
 */
import type { Image } from "../../core/image.ts";
import { resizeImage } from "../../image/mod.ts";
import { A1111_SAMPLERS, claimedSampler } from "../../presets/records/_samplers.ts";
import { createSampler } from "../../samplers/mod.ts";
import type { JobRequest } from "./jobs.ts";
import { checkSize, refuse } from "./limits.ts";
import { fromBase64, pictureOf } from "./pictures.ts";
import { maybe, number, prompt, readBody, seed, v, whole } from "./read_request.ts";
import type { ServerOptions } from "./server_options.ts";

/** A request understood. */
export interface A1111Job extends Pick<JobRequest, "options" | "loras"> {
  /** What of it is done otherwise. */
  readonly comments: readonly string[];
  /** Whether pictures are to be sent back. */
  readonly sendImages: boolean;
}

const schema = ({ limits }: ServerOptions) =>
  v.looseObject({
    prompt: maybe(prompt(limits)),
    negative_prompt: maybe(prompt(limits)),
    seed: maybe(seed(-1)),
    steps: maybe(whole(1, limits.steps)),
    cfg_scale: maybe(number(0, 100)),
    width: maybe(whole(8, 1 << 14)),
    height: maybe(whole(8, 1 << 14)),
    batch_size: maybe(whole(1, limits.count)),
    n_iter: maybe(whole(1, limits.count)),
    sampler_name: maybe(v.string()),
    sampler_index: maybe(v.string()),
    scheduler: maybe(v.string()),
    eta: maybe(number(0, 1)),
    denoising_strength: maybe(number(0, 1)),
    init_images: maybe(v.pipe(v.array(v.string()), v.maxLength(1))),
    mask: maybe(v.string()),
    inpainting_mask_invert: maybe(whole(0, 1)),
    resize_mode: maybe(whole(0, 3)),
    send_images: maybe(v.boolean()),
    override_settings: maybe(v.record(v.string(), v.unknown())),
    alwayson_scripts: maybe(v.record(v.string(), v.unknown())),
  });

type Body = v.InferOutput<ReturnType<typeof schema>>;

const nothing = (value: unknown): boolean =>
  value === null || value === undefined || value === false || value === "" || value === 0 ||
  value === "None" ||
  Array.isArray(value) && value.length === 0;

/** Parameters that are not followed, and the values with which they change no picture. */
const neutral: Readonly<Record<string, (value: unknown) => boolean>> = {
  enable_hr: nothing,
  restore_faces: nothing,
  tiling: nothing,
  styles: nothing,
  subseed_strength: nothing,
  seed_resize_from_h: (value) => nothing(value) || Number(value) < 0,
  seed_resize_from_w: (value) => nothing(value) || Number(value) < 0,
  s_churn: nothing,
  s_tmin: nothing,
  s_tmax: (value) => nothing(value) || value === Infinity,
  s_noise: (value) => nothing(value) || value === 1,
  s_min_uncond: nothing,
  script_name: nothing,
  refiner_checkpoint: nothing,
  refiner_switch_at: (value) => nothing(value) || value === 1,
  disable_extra_networks: nothing,
  infotext: nothing,
  latent_mask: nothing,
  initial_noise_multiplier: (value) => nothing(value) || value === 1,
};

/** Of a run with a mask; the values are those that A1111 does as we do. */
const masked: Readonly<Record<string, (value: unknown) => boolean>> = {
  mask_blur: nothing,
  mask_blur_x: nothing,
  mask_blur_y: nothing,
  inpainting_fill: (value) => value === 1,
  inpaint_full_res: nothing,
};

/** Change nothing, or only with what {@linkcode neutral} refuses. */
const without = new RegExp(
  `^(?:hr_\\w+|firstphase_(?:width|height)|subseed|do_not_save_\\w+|save_images|override_settings_restore_afterwards|` +
    `script_args|include_init_images|image_cfg_scale|inpaint_full_res_padding|comments|force_task_id|mask_round)$`,
);

/** @throws {HTTPException} 400, that names what is wrong or not followed. */
export async function readA1111(
  body: unknown,
  kind: "txt2img" | "img2img",
  server: ServerOptions,
): Promise<A1111Job> {
  const wanted = schema(server);
  const asked = readBody(wanted, body);
  const comments: string[] = [];
  refuseOthers(asked, new Set(Object.keys(wanted.entries)));
  for (const [name, script] of Object.entries(asked.alwayson_scripts ?? {})) refuseScript(name, script);
  const { model } = server.pipeline;
  const [width, height] = [asked.width ?? model.size, asked.height ?? model.size];
  checkSize(width, height, server.limits);
  const count = (asked.batch_size ?? 1) * (asked.n_iter ?? 1);
  if (count > server.limits.count) {
    refuse(`${count} pictures are too many, expected at most ${server.limits.count}.`, "n_iter");
  }
  const { prompt, loras } = await server.loras.take(asked.prompt ?? "");
  const options = {
    prompt,
    negativePrompt: asked.negative_prompt ?? "",
    promptSyntax: "weighted" as const,
    sampler: samplerOf(asked, comments),
    steps: asked.steps ?? 50,
    guidance: asked.cfg_scale ?? 7,
    width,
    height,
    count,
    batchSize: asked.batch_size ?? 1,
    ...typeof asked.seed === "number" && asked.seed >= 0 && { seed: asked.seed },
    ...settingsOf(asked.override_settings ?? {}, server),
    ...kind === "img2img" && await picturesOf(asked, { width, height }, comments),
  };
  return { options, loras, comments, sendImages: asked.send_images ?? true };
}

function refuseOthers(asked: Body, known: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(asked)) {
    if (known.has(name) || without.test(name) || Object.hasOwn(masked, name)) continue;
    if (!Object.hasOwn(neutral, name)) {
      refuse(`The parameter ${JSON.stringify(name.slice(0, 60))} is not known.`, name);
    }
    if (neutral[name]!(value)) continue;
    refuse(
      `${name} is ${JSON.stringify(value)?.slice(0, 60)}, which this server does not do; leave it out.`,
      name,
    );
  }
}

/** Clients send scripts that are switched off. */
function refuseScript(name: string, script: unknown): void {
  const { args } = Object(script) as { args?: unknown };
  const isOff = nothing(args) || Array.isArray(args) && (args.length === 0 || args[0] === false);
  if (!isOff) {
    refuse(`The script ${JSON.stringify(name.slice(0, 60))} is not here; leave it out.`, "alwayson_scripts");
  }
}

function samplerOf(asked: Body, comments: string[]) {
  const name = asked.sampler_name ?? asked.sampler_index ?? "Euler";
  const { options, remarks } = claimedSampler({
    table: A1111_SAMPLERS,
    name,
    steps: asked.steps ?? 50,
    otherwise: "Automatic",
    ...typeof asked.scheduler === "string" && asked.scheduler !== "" && { spacing: asked.scheduler },
  });
  if (options.sampler === undefined) {
    refuse(`There is no sampler ${JSON.stringify(name.slice(0, 60))}.`, "sampler_name");
  }
  comments.push(...remarks.map(({ text }) => text));
  // There eta is DDIM's, and of an ancestral sampler the share of fresh noise, which is all of it here.
  const isAncestral = options.sampler.endsWith("ancestral");
  const { eta } = asked;
  if (isAncestral && typeof eta === "number" && eta !== 1) {
    refuse(`eta is ${eta}, which ${name} does not take here, expected 1.`, "eta");
  }
  const takesEta = options.sampler === "ddim" && typeof eta === "number";
  return createSampler(options.sampler, { ...options.samplerOptions, ...takesEta && { eta } });
}

function settingsOf(settings: Readonly<Record<string, unknown>>, server: ServerOptions) {
  const { name } = server.pipeline.model;
  const read: Record<string, (value: unknown) => object | undefined> = {
    sd_model_checkpoint: (value) => value === name || nothing(value) ? {} : undefined,
    sd_vae: (value) => nothing(value) || value === "Automatic" ? {} : undefined,
    CLIP_stop_at_last_layers: (value) =>
      Number.isInteger(value) && Number(value) >= 1 ? { clipSkip: Number(value) - 1 } : undefined,
    randn_source: (value) =>
      value === "CPU" ? { rng: "cpu" } : value === "NV" || value === "GPU" ? { rng: "cuda" } : undefined,
    eta_noise_seed_delta: (value) => nothing(value) ? {} : undefined,
    samples_format: (value) => value === "png" ? {} : undefined,
  };
  return Object.entries(settings).reduce((options, [key, value]) => {
    const own = Object.hasOwn(read, key) ? read[key]!(value) : undefined;
    if (own !== undefined) return { ...options, ...own };
    const some = JSON.stringify({ [key.slice(0, 60)]: value }).slice(0, 120);
    refuse(
      `The setting ${some} is not done here, expected one of ${Object.keys(read).join(", ")}.`,
      "override_settings",
    );
  }, {});
}

async function picturesOf(asked: Body, size: { width: number; height: number }, comments: string[]) {
  const [first] = asked.init_images ?? [];
  if (first === undefined) refuse("There is no picture, expected one in init_images.", "init_images");
  const mode = asked.resize_mode ?? 0;
  if (mode > 1) {
    refuse(`resize_mode is ${mode}, expected 0 (just resize) or 1 (crop and resize).`, "resize_mode");
  }
  const fit = (image: Image) => resizeImage(image, { ...size, ...mode === 0 && { fit: "stretch" as const } });
  const image = fit(await pictureOf(fromBase64(first, "init_images"), "init_images"));
  const strength = asked.denoising_strength ?? 0.75;
  if (typeof asked.mask !== "string" || asked.mask === "") return { image, strength };
  for (const [name, isDone] of Object.entries(masked)) {
    if (name in asked && !isDone(asked[name])) {
      comments.push(`${name} ${JSON.stringify(asked[name])} was left out`);
    }
  }
  const mask = fit(await pictureOf(fromBase64(asked.mask, "mask"), "mask"));
  const inverted = asked.inpainting_mask_invert === 1;
  return {
    image,
    strength,
    mask: inverted ? { ...mask, data: mask.data.map((value) => 255 - value) } : mask,
  };
}
