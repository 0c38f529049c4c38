/**
 * Stable Diffusion XL (Podell et al. 2023) and its pruned and distilled children: one UNet that is told sizes, two CLIP
 * text encoders, one autoencoder.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { isXlCheckpoint, splitXlCheckpoint } from "../weights/checkpoint_xl.ts";
import type { Components } from "./components.ts";
import type { Family } from "./family.ts";
import type { OpenModelOptions } from "./open_options.ts";
import { XL_SCHEDULER } from "./stable_diffusion_xl/_defaults.ts";
import { openGraphModel } from "./stable_diffusion_xl/graph.ts";

/** The family. */
export const stableDiffusionXl: Family = {
  name: "Stable Diffusion XL",
  covers: "Stable Diffusion XL or a child of it",
  recognises,
  open,
  singleFile: {
    is: isXlCheckpoint,
    split(weights, { checkpoint }) {
      const { unet, vae, textEncoder, textEncoder2, predictionType, zeroTerminalSnr } = splitXlCheckpoint(
        weights,
        checkpoint,
      );
      return {
        networks: {
          unet,
          vae,
          ...textEncoder !== undefined && { text_encoder: textEncoder },
          text_encoder_2: textEncoder2,
        },
        said: {
          predictionType,
          ...zeroTerminalSnr && {
            scheduler: { ...XL_SCHEDULER, rescale_betas_zero_snr: true, timestep_spacing: "trailing" },
          },
        },
      };
    },
  },
};

/** Pipelines of other families that are told sizes, or have two text encoders. */
const otherPipelines = /Diffusion3|Flux|Kolors|Kandinsky|HunyuanDiT|Wuerstchen|Cascade|DreamLite/;

function recognises(files: Components): { because: string } | undefined {
  const { _class_name: pipeline } = files.index ?? {};
  if (typeof pipeline === "string" && otherPipelines.test(pipeline)) return undefined;
  if (["transformer", "prior", "text_encoder_3"].some((role) => files.roles.has(role))) return undefined;
  const { addition_embed_type: added, _class_name: kind = "UNet2DConditionModel" } = files.config("unet") ??
    {};
  if (kind !== "UNet2DConditionModel") return undefined;
  if (added === "text_time") return { because: "its UNet is told sizes and a second text" };
  if (typeof pipeline === "string" && pipeline.startsWith("StableDiffusionXL")) {
    return { because: `it is a ${pipeline}` };
  }
  return files.roles.has("text_encoder_2") ? { because: "it has two text encoders" } : undefined;
}

async function open(files: Components, options: OpenModelOptions): Promise<Model> {
  const predictionType = options.predictionType ?? files.predictionType;
  const told = { ...options, ...predictionType !== undefined && { predictionType } };
  switch (files.need("unet").kind) {
    case "weights":
      return await openGraphModel(files, told);
    default:
      throw new UnsupportedModelError(
        `Cannot open the model "${files.name}": it is a Stable Diffusion XL in the layout ${files.layout}, expected ` +
          `safetensors.`,
      );
  }
}
