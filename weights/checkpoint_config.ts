/**
 * The configuration of an original single-file checkpoint, which the file does not contain, worked out from
 * the shapes of its tensors.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import type { PredictionType } from "../core/schedule.ts";
import { inferPredictionType } from "./_checkpoint_prediction.ts";
import { inferText } from "./_checkpoint_text.ts";
import { inferUnet } from "./_checkpoint_unet.ts";
import { inferVae } from "./_checkpoint_vae.ts";
import type { TextLayout, UnetLayout, VaeLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** A checkpoint's weights, with the metadata of its file where there are any. */
export type CheckpointWeights = Weights & { readonly metadata?: Readonly<Record<string, string>> };

/** What {@linkcode inferCheckpointConfig} found out. */
export interface CheckpointConfig {
  /** The UNet's `config.json`. */
  readonly unet: Json;
  /** The VAE's. */
  readonly vae: Json;
  /** The text encoder's. */
  readonly textEncoder: Json;
  /** What the UNet predicts; absent where nothing tells, as there are models of both kinds in 2.x. */
  readonly predictionType?: PredictionType;
  /** What the names of the tensors depend on. */
  readonly layout: { readonly unet: UnetLayout; readonly vae: VaeLayout; readonly text: TextLayout };
}

/** Whether weights are an original single-file checkpoint. */
export function isCheckpoint(weights: Weights): boolean {
  return weights.info("model.diffusion_model.input_blocks.0.0.weight") !== undefined;
}

/**
 * Works out the configuration of a Stable Diffusion 1.x or 2.x checkpoint. What shapes cannot tell (the
 * groups of normalisations, the number of heads, the size of pictures) gets the value that all published
 * models have.
 *
 * @throws {UnsupportedModelError} If the checkpoint is of another family, as SDXL or Flux.
 * @throws {WeightsError} If it is no checkpoint, or one of its three networks is missing.
 *
 * @example
 * ```ts ignore
 * import { inferCheckpointConfig, openSafetensors } from "@mobile-diffusion/sdk/weights";
 *
 * await using file = await openSafetensors("v1-5-pruned-emaonly.safetensors");
 * console.log(inferCheckpointConfig(file).unet.block_out_channels); // [ 320, 640, 1280, 1280 ]
 * ```
 */
export function inferCheckpointConfig(weights: CheckpointWeights): CheckpointConfig {
  refuseOtherFiles(weights);
  const text = inferText(weights);
  const second = text.layout.kind === "openclip";
  const predictionType = inferPredictionType(weights) ?? (second ? undefined : "epsilon");
  const sampleSize = second && predictionType === "v_prediction" ? 96 : 64;
  const unet = inferUnet(weights, { wideHeads: second, sampleSize });
  const vae = inferVae(weights, 0.18215);
  return {
    unet: unet.config,
    vae: vae.config,
    textEncoder: text.config,
    ...predictionType !== undefined && { predictionType },
    layout: { unet: unet.layout, vae: vae.layout, text: text.layout },
  };
}

/** Names that only other families have begin so. */
const otherFamilies: Readonly<Record<string, string>> = {
  "conditioner.embedders.": "Stable Diffusion XL",
  "model.diffusion_model.label_emb.": "Stable Diffusion XL",
  "model.diffusion_model.joint_blocks.": "Stable Diffusion 3",
  "model.diffusion_model.double_blocks.": "Flux",
  "double_blocks.": "Flux",
};

function refuseOtherFiles(weights: Weights): void {
  for (const name of weights.names()) {
    const prefix = Object.keys(otherFamilies).find((prefix) => name.startsWith(prefix));
    if (prefix === undefined) continue;
    throw new UnsupportedModelError(
      `Cannot open checkpoint: it is of the family ${
        otherFamilies[prefix]
      }, expected Stable Diffusion 1.x or 2.x.`,
    );
  }
  if (isCheckpoint(weights)) return;
  const [first = "nothing"] = weights.names();
  throw new WeightsError(
    `Cannot open checkpoint: it has no UNet, expected tensors "model.diffusion_model.*" (found "${first}" and others).`,
  );
}
