/**
 * A model in the folder layout of Hugging Face diffusers, with weights as safetensors.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { refuseOtherFamilies, unetComponents } from "../families/choose.ts";
import { type GraphComponent, graphModel } from "../families/stable_diffusion/graph.ts";
import { type Json, type ModelFolder, readJson, readOptionalJson } from "../weights/model_folder.ts";
import { STABLE_DIFFUSION_SCHEDULER } from "../families/_model_defaults.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/**
 * Opens a model. Configurations are read and checked now, weights when a part is first needed.
 *
 * @throws {UnsupportedModelError} If it is of another family.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function openDiffusers(folder: ModelFolder, options: OpenModelOptions): Promise<Model> {
  await refuseOtherFamilies(folder);
  const { variant } = options;
  const component = (name: string, config: Json): GraphComponent => ({
    config,
    weights: () => folder.weights(name, variant === undefined ? {} : { variant }),
  });
  const unets = new Map<string, GraphComponent>();
  for (const [kind, name] of unetComponents(folder, "config.json")) {
    unets.set(kind, component(name, await readUnetJson(folder, name)));
  }
  const vae = vaeComponent(folder, options);
  const tiny = ["vae_tiny", "taesd"].find((name) => folder.files.has(`${name}/config.json`));
  return graphModel({
    name: folder.name,
    unets,
    textEncoder: component("text_encoder", await readJson(folder, "text_encoder/config.json")),
    vae: component(vae, await readJson(folder, `${vae}/config.json`)),
    ...tiny !== undefined && tiny !== vae && {
      previewVae: component(tiny, await readJson(folder, `${tiny}/config.json`)),
    },
    scheduler: await readOptionalJson(folder, "scheduler/scheduler_config.json") ??
      STABLE_DIFFUSION_SCHEDULER,
    tokenizer: await tokenizerFiles(folder, options.tokenizer),
    folder,
  }, options);
}

async function readUnetJson(folder: ModelFolder, component: string): Promise<Json> {
  const config = await readJson(folder, `${component}/config.json`);
  const { _class_name: kind = "UNet2DConditionModel" } = config;
  if (kind === "UNet2DConditionModel") return config;
  throw new UnsupportedModelError(
    `Cannot open the model "${folder.name}": ${component} is of the kind ${
      JSON.stringify(kind)
    }, expected "UNet2DConditionModel".`,
  );
}

/** The VAE that was asked for, else the ordinary one, else a tiny one. */
function vaeComponent({ files }: ModelFolder, { vae }: OpenModelOptions): string {
  return vae ?? ["vae", "vae_tiny", "taesd"].find((name) => files.has(`${name}/config.json`)) ?? "vae";
}
