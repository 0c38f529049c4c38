/**
 * From the name of a model to a pipeline.
 *
 * @module
 */
import { abandonable } from "../core/abandonable.ts";
import { isWeightsFile, vaeBeside } from "../core/model_files.ts";
import { builtin, hasFiles } from "../core/platform.ts";
import { auto } from "../backends/auto.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { webgpu } from "../backends/webgpu.ts";
import { checkOptions } from "../core/check_options.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import type { Backend } from "../backends/backend.ts";
import type { Model } from "../core/model.ts";
import { Pipeline, type PipelineOptions } from "../pipeline/pipeline.ts";
import { openModelFolder } from "./open_model.ts";
import type { OpenFolderOptions } from "./open_model.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import {
  type DownloadProgress,
  resolveModel,
  resolveModelBlobs,
  type ResolveModelOptions,
} from "../hub/mod.ts";
import { fingerprint } from "./_fingerprint.ts";
import { KEPT, originOf } from "./_origin.ts";
import { type ModelProgress, reporting } from "./_reporting.ts";
import { decodePicture } from "./decode_picture.ts";
import { encodeGenerated } from "./encode_generated.ts";
import { mini, MINI_DEFAULTS } from "./mini.ts";

export type { ModelProgress } from "./_reporting.ts";

/** Options of {@linkcode createPipeline}. */
export interface CreatePipelineOptions
  extends Pick<PipelineOptions, "keep">, Omit<OpenFolderOptions, "backend"> {
  /**
   * `"mini"`, the embedded model; the path of a folder or of a single `.safetensors` file; `"owner/name"` on a hub, in
   * browsers too; files; or a model of your own making.
   * @default {"mini"}
   */
  readonly model?: string | ModelFolder | Model;
  /** What runs the networks, or its name: "auto", "webgpu", "native" or "wasm". @default {auto()} */
  readonly backend?: Backend | BackendName;
  /** How a model is found on a hub: mirror, token, cache. */
  readonly hub?: Omit<ResolveModelOptions, "variant">;
  /** Stops the download and the opening; loads of networks are stopped by the signal of a generation. */
  readonly signal?: AbortSignal;
  /** Called as a download advances, and when a network begins to load and is loaded. */
  readonly onProgress?: (progress: ModelProgress) => void;
}

/** Backends by their names; Core ML, which wants compiled models, is a value of its own subpath. */
const backends = { auto, webgpu, native, wasm } as const;

/** A backend's name. */
export type BackendName = "auto" | "webgpu" | "native" | "wasm";

function backendCalled(name: string): Backend {
  if (Object.hasOwn(backends, name)) return backends[name as BackendName]();
  throw new TypeError(
    `Cannot use the backend "${name}": expected ${Object.keys(backends).join(", ")}, or a Backend.`,
  );
}

/**
 * Opens a model and makes a pipeline of it. Networks are loaded when they are first needed.
 *
 * @throws {UnsupportedModelError} If the model is of another family.
 * @throws {TypeError} If there is no such model or one of its files is malformed.
 *
 * @example
 * ```ts ignore
 * await using pipeline = await createPipeline({ model: "./stable-diffusion-v1-5", backend: native() });
 * const { images } = await pipeline.generate({ prompt: "a red house under a yellow moon", seed: 7 });
 * await Deno.writeFile("house.png", await images[0]!.encode("png"));
 * ```
 */
export async function createPipeline(options: CreatePipelineOptions = {}): Promise<Pipeline> {
  checkOptions(options, { action: "create a pipeline", known: Object.keys(KEPT) });
  const { model, keep, ...rest } = options;
  return new Pipeline(await openModel(model, rest), {
    createSampler,
    decodeImage: decodePicture,
    encodeImage: encodeGenerated,
    fingerprint,
    ...keep !== undefined && { keep },
  });
}

/**
 * Opens a model without making a pipeline: to change its parts, its schedule or its defaults first.
 *
 * @throws As {@linkcode createPipeline}.
 */
export async function openModel(
  model: CreatePipelineOptions["model"] = "mini",
  options: Omit<CreatePipelineOptions, "model" | "keep"> = {},
): Promise<Model> {
  if (typeof model !== "string" && "unets" in model) return model;
  const { backend: chosen = "auto", hub: _, signal, onProgress, ...rest } = options;
  signal?.throwIfAborted();
  const folder = typeof model === "string" ? await abandonable(findModel(model, options), signal) : model;
  const named = typeof chosen === "string" ? backendCalled(chosen) : chosen;
  const backend = onProgress === undefined ? named : reporting(named, onProgress);
  const opened = await abandonable(openModelFolder(folder, { backend, ...rest }), signal);
  const origin = await originOf(model, options);
  return { ...opened, ...model === "mini" && MINI_DEFAULTS, origin };
}

/** A folder or file here comes before a name on a hub. */
async function findModel(
  name: string,
  { hub, variant, signal, onProgress }: CreatePipelineOptions,
): Promise<ModelFolder> {
  if (name === "mini") return await mini();
  const options: ResolveModelOptions = {
    ...signal !== undefined && { signal },
    ...onProgress !== undefined && {
      onProgress: (progress: DownloadProgress) => onProgress({ kind: "download", ...progress }),
    },
    ...hub,
    ...variant !== undefined && { variant },
  };
  const isHubName = /^[\w-][\w.-]*\/[\w.-]+$/.test(name);
  if (!hasFiles()) {
    if (isHubName) return memoryFolder(name, await resolveModelBlobs(name, options));
    throw new TypeError(
      `Cannot open the model "${name}": a browser has no folders, expected "mini", "owner/name" or files.`,
    );
  }
  if (isWeightsFile(name)) return await fileWithBesides(name);
  if (!isHubName || await exists(name)) return await localFolder(name);
  return { ...await localFolder(await resolveModel(name, options)), name };
}

/** A named file, with the VAE and the tokenizer that lie beside it; other files there are none of its business. */
async function fileWithBesides(path: string): Promise<ModelFolder> {
  const folder = await localFolder(path);
  const [file] = folder.files;
  const tokenizer = ["tokenizer.json", "vocab.json", "merges.txt", ...tokenizerConfigs];
  const names = [
    vaeBeside(file!),
    ...tokenizer,
    ...["tokenizer", "tokenizer_2"].flatMap((folder) => tokenizer.map((name) => `${folder}/${name}`)),
  ];
  const found = await Promise.all(names.map((name) => exists(`${folder.path}/${name}`)));
  const files = new Set([file!, ...names.filter((_, i) => found[i])]);
  const source = (name: string) => files.has(name) ? `${folder.path}/${name}` : folder.source(name);
  return {
    ...folder,
    files,
    source,
    read: async (name) => new Uint8Array(await builtin("node:fs/promises").readFile(source(name) as string)),
  };
}

const tokenizerConfigs = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];

async function exists(path: string): Promise<boolean> {
  const { stat } = builtin("node:fs/promises");
  return await stat(path).then(() => true, () => false);
}
