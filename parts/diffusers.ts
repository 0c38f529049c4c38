/**
 * A model in the folder layout of Hugging Face diffusers, with weights as safetensors.
 *
 * @module
 */
import type { Backend, ComputeType, Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { LazyPart } from "../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../core/model.ts";
import type { TextEncoder, Vae } from "../core/parts.ts";
import { createSchedule } from "../core/schedule.ts";
import { readScheduleConfig } from "../core/schedule_config.ts";
import type { Graph } from "../graph/graph.ts";
import { downscale, readAutoencoderKLConfig } from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import { loadTokenizer } from "../tokenizer/load_tokenizer.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { Weights } from "../weights/weights.ts";
import { type ModelFolder, readJson, readText } from "./model_folder.ts";
import { clipTextEncoder } from "./text_encoder.ts";
import { graphUnet } from "./unet.ts";
import { autoencoderKLVae } from "./vae.ts";

/** Options of {@linkcode openDiffusers}. */
export interface OpenDiffusersOptions {
  /** What runs the networks. */
  readonly backend: Backend;
  /** Arithmetic. @default {"float32"} */
  readonly dtype?: ComputeType;
  /** Which of several weight files to take, as `"fp16"`. */
  readonly variant?: string;
}

/**
 * Opens a model. Configurations are read and checked now, weights when a part is first needed.
 *
 * @throws {UnsupportedModelError} If it is of another family.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function openDiffusers(folder: ModelFolder, options: OpenDiffusersOptions): Promise<Model> {
  const { backend, dtype = "float32", variant } = options;
  await refuseOtherPipelines(folder);
  const load = (weights: Weights) => (graph: Graph): Promise<Runner> =>
    backend.load({ kind: "graph", graph, weights }, { dtype });
  const open = async (component: string, owned: AsyncDisposableStack) =>
    owned.use(await folder.weights(component, variant === undefined ? {} : { variant }));

  const textConfig = readClipTextConfig(await readJson(folder, "text_encoder/config.json"));
  const vaeConfig = readAutoencoderKLConfig(await readJson(folder, "vae/config.json"));
  const scheduler = readScheduleConfig(await readJson(folder, "scheduler/scheduler_config.json"));
  const unets = new Map<string, ModelUnet>();
  for (const [kind, component] of unetComponents(folder)) {
    const config = readUnetConfig(await readJson(folder, `${component}/config.json`));
    const part = new LazyPart(async (owned) =>
      owned.use(await graphUnet({ architecture: config, load: load(await open(component, owned)) }))
    );
    unets.set(kind, { config, part });
  }
  const base = unets.get(BASE)!.config;
  const tokenizer = loadTokenizer(await tokenizerFiles(folder));
  const scale = downscale(vaeConfig);
  return {
    name: folder.name,
    backend: backend.name,
    unets,
    textEncoder: new LazyPart<TextEncoder>(async (owned) => {
      const loadText = load(await open("text_encoder", owned));
      return owned.use(
        clipTextEncoder({ tokenizer, load: (clipSkip) => loadText(clipText(textConfig, { clipSkip })) }),
      );
    }),
    vae: new LazyPart<Vae>(async (owned) =>
      owned.use(autoencoderKLVae({ config: vaeConfig, load: load(await open("vae", owned)) }))
    ),
    schedule: createSchedule(scheduler.schedule),
    sampler: createSampler(scheduler.sampler.name, scheduler.sampler.options),
    guidance: 7.5,
    size: base.sampleSize * scale,
    scale,
    latentChannels: vaeConfig.latentChannels,
  };
}

/** `unet/` is the ordinary one, `unet_ufogen/` is trained for "ufogen", and so on. */
function unetComponents({ files, name }: ModelFolder): ReadonlyMap<string, string> {
  const components = new Map<string, string>();
  for (const file of files) {
    const [, component, kind] = file.match(/^(unet(?:_(\w+))?)\/config\.json$/) ?? [];
    if (component !== undefined) components.set(kind?.replaceAll("_", "-") ?? BASE, component);
  }
  if (components.has(BASE)) return components;
  throw new TypeError(`Cannot open the model "${name}": "unet/config.json" is missing.`);
}

async function refuseOtherPipelines(folder: ModelFolder): Promise<void> {
  if (!folder.files.has("model_index.json")) return;
  const { _class_name: pipeline } = await readJson(folder, "model_index.json");
  if (typeof pipeline === "string" && /XL|Diffusion3|Flux|Sana|PixArt|Cascade/.test(pipeline)) {
    throw new UnsupportedModelError(
      `Cannot open the model "${folder.name}": it is a ${pipeline}, expected Stable Diffusion 1.x or 2.x or a child of them.`,
    );
  }
}

async function tokenizerFiles(folder: ModelFolder): Promise<TokenizerFiles> {
  const names = [
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
  ] as const;
  const texts = await Promise.all(
    names.map(async (name) => [name, await readText(folder, `tokenizer/${name}`)] as const),
  );
  return Object.fromEntries(texts.filter(([, text]) => text !== undefined));
}
