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
import { hasText, inferText } from "./_checkpoint_text.ts";
import { inferUnet } from "./_checkpoint_unet.ts";
import { inferVae } from "./_checkpoint_vae.ts";
import type { TextLayout, UnetLayout, VaeLayout } from "./checkpoint_map.ts";
import { trainedClipSkip } from "./trained_clip_skip.ts";
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
  /** Whether its noise schedule was rescaled so that its last level has no signal. */
  readonly zeroTerminalSnr: boolean;
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
  const { unet, ...said } = inferCheckpointParts(weights);
  const [text, vae] = [said.text ?? inferText(weights), said.vae ?? inferVae(weights)]; // which say what is missing
  return {
    unet: unet.config,
    vae: vae.config,
    textEncoder: text.config,
    ...said.predictionType !== undefined && { predictionType: said.predictionType },
    zeroTerminalSnr: said.zeroTerminalSnr,
    layout: { unet: unet.layout, vae: vae.layout, text: text.layout },
  };
}

/** The networks of a checkpoint; those that it was published without are absent. */
export interface CheckpointParts {
  /** The UNet. */
  readonly unet: { readonly config: Json; readonly layout: UnetLayout };
  /** The VAE. */
  readonly vae?: { readonly config: Json; readonly layout: VaeLayout };
  /** The text encoder. */
  readonly text?: { readonly config: Json; readonly layout: TextLayout };
  /** What the UNet predicts, where something tells. */
  readonly predictionType?: PredictionType;
  /** Whether its noise schedule was rescaled. */
  readonly zeroTerminalSnr: boolean;
  /** Layers of the text encoder that were left out in training, where its header says so; those of 2.x always are. */
  readonly trainedClipSkip?: number;
}

/**
 * Works out what a checkpoint holds, which may be a UNet alone.
 *
 * @throws {UnsupportedModelError} If it is of another family.
 * @throws {WeightsError} If it has no UNet, or part of a network.
 */
export function inferCheckpointParts(weights: CheckpointWeights): CheckpointParts {
  refuseOtherFiles(weights);
  const text = hasText(weights) ? inferText(weights) : undefined;
  const width = weights.info(`${unetPrefix}middle_block.1.transformer_blocks.0.attn2.to_k.weight`)?.shape[1];
  const second = text === undefined ? width === 1024 : text.layout.kind === "openclip";
  const predictionType = inferPredictionType(weights) ?? (second ? undefined : "epsilon");
  const sampleSize = saidSize(weights) ?? (second && predictionType === "v_prediction" ? 96 : 64);
  const skipped = text?.layout.kind === "openclip" ? 0 : trainedClipSkip(weights.metadata);
  const hasVae = [...weights.names()].some((name) => name.startsWith("first_stage_model."));
  return {
    unet: inferUnet(weights, { wideHeads: second, sampleSize }),
    ...hasVae && { vae: inferVae(weights) },
    ...text !== undefined && { text },
    ...predictionType !== undefined && { predictionType },
    ...skipped > 0 && { trainedClipSkip: skipped },
    zeroTerminalSnr: hasZeroTerminalSnr(weights),
  };
}

const unetPrefix = "model.diffusion_model.";

/** Names that only other families have begin so. */
const otherFamilies: Readonly<Record<string, string>> = {
  "conditioner.embedders.": "Stable Diffusion XL",
  "model.diffusion_model.label_emb.": "Stable Diffusion XL",
  "model.diffusion_model.joint_blocks.": "Stable Diffusion 3",
  "model.diffusion_model.double_blocks.": "Flux",
  "double_blocks.": "Flux",
};

/** Marker tensors of models whose noise is not that of Stable Diffusion, by what they say. */
const otherNoise: readonly (readonly [RegExp, string])[] = [
  [/^edm_(?:mean|std)$/, "EDM's noise levels with a mean and a deviation of latents"],
  [/^edm_vpred\.sigma_(?:min|max)$/, "EDM's noise levels with v prediction"],
];

function refuseOtherFiles(weights: Weights): void {
  for (const name of weights.names()) {
    const marked = otherNoise.find(([pattern]) => pattern.test(name));
    if (marked !== undefined) {
      throw new UnsupportedModelError(
        `Cannot open checkpoint: its marker "${name}" says that it was trained with ${
          marked[1]
        }, expected Stable ` +
          `Diffusion's own.`,
      );
    }
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

/** The marker tensor, or what kohya's trainer writes. */
function hasZeroTerminalSnr(weights: CheckpointWeights): boolean {
  return weights.info("ztsnr") !== undefined || weights.metadata?.["ss_zero_terminal_snr"] === "True";
}

/** Side of the latent, from ModelSpec's resolution in pixels; the networks here have an eighth of it. */
function saidSize({ metadata = {} }: CheckpointWeights): number | undefined {
  const [, width, height] = metadata["modelspec.resolution"]?.match(/^(\d{3,4})x(\d{3,4})$/) ?? [];
  const side = Number(width);
  return width !== undefined && width === height && side % 64 === 0 ? side / 8 : undefined;
}
