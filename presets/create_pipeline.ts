/**
 * From the name of a model to a pipeline.
 *
 * @module
 */
import { wasm } from "../backends/wasm.ts";
import type { Backend, ComputeType } from "../backends/backend.ts";
import type { Model } from "../core/model.ts";
import { Pipeline, type PipelineOptions } from "../core/pipeline.ts";
import { openDiffusers } from "../parts/diffusers.ts";
import { localFolder, type ModelFolder } from "../parts/model_folder.ts";
import { encodeGenerated } from "./encode_generated.ts";

/** Options of {@linkcode createPipeline}. */
export interface CreatePipelineOptions extends Pick<PipelineOptions, "keep"> {
  /** A folder's path, files, or a model of your own making. */
  readonly model: string | ModelFolder | Model;
  /** What runs the networks. @default {wasm()} */
  readonly backend?: Backend;
  /** Arithmetic: `"int8"` keeps weights in 8 bits. @default {"float32"} */
  readonly dtype?: ComputeType;
  /** Which of several weight files to take, as `"fp16"`. */
  readonly variant?: string;
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
export async function createPipeline(options: CreatePipelineOptions): Promise<Pipeline> {
  const { model, keep } = options;
  return new Pipeline(await openModel(model, options), {
    encodeImage: encodeGenerated,
    ...keep !== undefined && { keep },
  });
}

/**
 * Opens a model without making a pipeline: to change its parts, its schedule or its defaults first.
 *
 * @throws As {@linkcode createPipeline}.
 */
export async function openModel(
  model: CreatePipelineOptions["model"],
  { backend = wasm(), dtype, variant }: Pick<CreatePipelineOptions, "backend" | "dtype" | "variant"> = {},
): Promise<Model> {
  if (typeof model !== "string" && "unets" in model) return model;
  const folder = typeof model === "string" ? await localFolder(model) : model;
  return await openDiffusers(folder, {
    backend,
    ...dtype !== undefined && { dtype },
    ...variant !== undefined && { variant },
  });
}
