/**
 * Stable Diffusion 1.x and 2.x, their pruned and distilled children, and MobileDiffusion: one UNet, one CLIP text
 * encoder, one autoencoder.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { splitCheckpointParts } from "../weights/checkpoint.ts";
import { STABLE_DIFFUSION_SCHEDULER } from "./_model_defaults.ts";
import type { Components } from "./components.ts";
import type { Family } from "./family.ts";
import type { OpenModelOptions } from "./open_options.ts";
import { openAppleModel } from "./stable_diffusion/apple.ts";
import { openGraphModel } from "./stable_diffusion/graph.ts";
import { openOnnxModel } from "./stable_diffusion/onnx.ts";

/** The family. */
export const stableDiffusion: Family = {
  name: "Stable Diffusion",
  covers: "Stable Diffusion 1.x or 2.x, a child of them, or MobileDiffusion",
  recognises,
  open,
  singleFile: {
    is: (names) =>
      names.has("model.diffusion_model.input_blocks.0.0.weight") &&
      ![...names].some((name) => otherFiles.test(name)),
    split(weights, { checkpoint }) {
      const { unet, vae, textEncoder, predictionType, zeroTerminalSnr, trainedClipSkip } =
        splitCheckpointParts(
          weights,
          checkpoint,
        );
      return {
        networks: {
          unet,
          ...vae !== undefined && { vae },
          ...textEncoder !== undefined && { text_encoder: textEncoder },
        },
        said: {
          ...predictionType !== undefined && { predictionType },
          ...trainedClipSkip !== undefined && { trainedClipSkip },
          ...zeroTerminalSnr &&
            { scheduler: { ...STABLE_DIFFUSION_SCHEDULER, rescale_betas_zero_snr: true } },
        },
        // OpenCLIP, which 2.x has (and its exact GELU), pads with "!", which no tokenizer says that was made for 1.x
        ...textEncoder?.config["hidden_act"] === "gelu" && { specialTokens: { pad_token: "!" } },
      };
    },
  },
};

/** Names that only single files of other families have. */
const otherFiles = /^(?:conditioner\.|model\.diffusion_model\.(?:label_emb|joint_blocks|double_blocks)\.)/;

/** Pipelines of other families, whose networks may look like these. */
const otherPipelines = /XL|Diffusion3|Flux|Sana|PixArt|Cascade|Upscale|Kandinsky|IFPipeline/;

function recognises(files: Components): { because: string } | undefined {
  const { _class_name: pipeline } = files.index ?? {};
  if (typeof pipeline === "string" && otherPipelines.test(pipeline)) return undefined;
  if (["transformer", "text_encoder_2", "prior"].some((role) => files.roles.has(role))) return undefined;
  const { _class_name: kind = "UNet2DConditionModel", addition_embed_type: added = null } =
    files.config("unet") ??
      {};
  if (kind !== "UNet2DConditionModel" || added !== null) return undefined;
  return { because: "one UNet2DConditionModel without added embeddings and one text encoder" };
}

async function open(files: Components, options: OpenModelOptions): Promise<Model> {
  const predictionType = options.predictionType ?? files.predictionType;
  if (files.layout === "single file" && predictionType === undefined) {
    throw new UnsupportedModelError(
      `Cannot open "${files.name}": nothing in it tells what it predicts. ` +
        `Give the option "predictionType": "epsilon" for 512-pixel models of 2.x, "v_prediction" for 768-pixel ones.`,
    );
  }
  const told = { ...options, ...predictionType !== undefined && { predictionType } };
  switch ((files.program("controlled_unet") ?? files.need("unet")).kind) {
    case "weights":
      return await openGraphModel(files, told);
    case "onnx":
      return await openOnnxModel(files, told);
    case "coreml":
      return await openAppleModel(files, told);
  }
}
