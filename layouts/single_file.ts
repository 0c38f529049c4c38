/**
 * A model in a single `.safetensors` file with the original names, the commonest file of all.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import { BASE, type Model } from "../core/model.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import { openCheckpoint as openWeights } from "../weights/checkpoint.ts";
import { type GraphComponent, graphModel } from "../families/stable_diffusion/graph.ts";
import type { Json, ModelFolder } from "../weights/model_folder.ts";
import { STABLE_DIFFUSION_SCHEDULER } from "../families/_model_defaults.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/**
 * Opens a checkpoint: the only `.safetensors` file at the root of a folder, or the one that `variant` names. It holds
 * no tokenizer: that comes from `options.tokenizer`, or lies beside it.
 *
 * @throws {UnsupportedModelError} If it is of another family, or nothing tells whether it predicts the noise or v.
 * @throws {WeightsError} If the file is damaged or not a whole checkpoint.
 * @throws {TypeError} If there is no tokenizer, or no file, or more than one.
 *
 * @example
 * ```ts ignore
 * const model = await openCheckpointModel(await localFolder("v1-5-pruned-emaonly.safetensors"), {
 *   backend: native(),
 *   tokenizer: await localFolder("clip-tokenizer"),
 * });
 * ```
 */
export async function openCheckpointModel(folder: ModelFolder, options: OpenModelOptions): Promise<Model> {
  const file = checkpointFile(folder, options.variant);
  const open = () => openWeights(folder.source(file), options.checkpoint);
  await using checkpoint = await open();
  const predictionType = options.predictionType ?? checkpoint.predictionType;
  if (predictionType === undefined) {
    throw new UnsupportedModelError(
      `Cannot open "${file}": nothing in it tells what it predicts. ` +
        `Give the option "predictionType": "epsilon" for 512-pixel models of 2.x, "v_prediction" for 768-pixel ones.`,
    );
  }
  const component = (part: "unet" | "vae" | "textEncoder"): GraphComponent => ({
    config: checkpoint[part].config,
    async weights() {
      const opened = await open();
      return { ...opened[part].weights, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
    },
  });
  const textEncoder = component("textEncoder");
  const tokenizer = await tokenizerFiles(folder, options.tokenizer);
  return graphModel({
    name: file.replace(/\.safetensors$/, ""),
    unets: new Map([[BASE, component("unet")]]),
    vae: component("vae"),
    textEncoder,
    scheduler: STABLE_DIFFUSION_SCHEDULER,
    tokenizer: withPadding(tokenizer, textEncoder.config),
  }, { ...options, predictionType });
}

/** Names of the single files at the root of a folder. */
export function checkpointFiles({ files }: ModelFolder): string[] {
  return [...files].filter((file) => /^[^/]+\.safetensors$/.test(file)).sort();
}

function checkpointFile(folder: ModelFolder, variant: string | undefined): string {
  const all = checkpointFiles(folder);
  const fitting = variant === undefined ? all : all.filter((file) => file.includes(variant));
  if (fitting.length === 1) return fitting[0]!;
  throw new TypeError(
    `Cannot open the checkpoint in "${folder.name}": it has ${all.length} files (${
      all.join(", ")
    }), expected one` +
      `${variant === undefined ? "" : ` with "${variant}" in its name`}. Open the file itself.`,
  );
}

/** OpenCLIP, which 2.x has (and its exact GELU), pads with "!", which no tokenizer says that was made for 1.x. */
function withPadding(files: TokenizerFiles, { hidden_act: activation }: Json): TokenizerFiles {
  const said = files["special_tokens_map.json"] ?? files["tokenizer_config.json"];
  return said !== undefined || activation !== "gelu"
    ? files
    : { ...files, "special_tokens_map.json": JSON.stringify({ pad_token: "!" }) };
}
