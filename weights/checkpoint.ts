/**
 * Original single-file checkpoints, the commonest form of Stable Diffusion 1.x and 2.x, as the three networks
 * in them.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import type { PredictionType } from "../core/schedule.ts";
import {
  type CheckpointParts,
  type CheckpointWeights,
  inferCheckpointConfig,
  inferCheckpointParts,
} from "./checkpoint_config.ts";
import { textNames, unetNames, vaeNames } from "./checkpoint_map.ts";
import type { ByteSource } from "./random_access.ts";
import { renameWeights } from "./rename.ts";
import type { Weights } from "./weights.ts";
import { openWeightsFile } from "./weights_file.ts";

/** A network of a checkpoint, as if it came from a folder of diffusers. */
export interface CheckpointNetwork {
  /** Its `config.json`. */
  readonly config: Json;
  /** Its tensors under diffusers' names. Disposing them does nothing: they live as long as the checkpoint. */
  readonly weights: Weights;
}

/** A checkpoint, taken apart. Disposing it closes the file. */
export interface Checkpoint extends AsyncDisposable {
  /** The denoising network. */
  readonly unet: CheckpointNetwork;
  /** The autoencoder. */
  readonly vae: CheckpointNetwork;
  /** The text encoder. */
  readonly textEncoder: CheckpointNetwork;
  /** What the UNet predicts; absent where nothing tells, as there are models of both kinds in 2.x. */
  readonly predictionType?: PredictionType;
  /** Whether its noise schedule was rescaled so that its last level has no signal (Lin et al. 2024). */
  readonly zeroTerminalSnr: boolean;
}

/** Fields of configs that shapes do not tell, for {@linkcode openCheckpoint} and {@linkcode splitCheckpoint}. */
export interface CheckpointOptions {
  /** Fields of the UNet's config, as `attention_head_dim`, in place of the inferred ones. */
  readonly unet?: Json;
  /** Fields of the VAE's config, as `scaling_factor`. */
  readonly vae?: Json;
  /** Fields of the text encoder's config, as `num_attention_heads`. */
  readonly textEncoder?: Json;
}

/**
 * Opens a checkpoint. Only its header is read.
 *
 * @throws {WeightsError} If the file is damaged, is a pickle, or is not a whole checkpoint.
 * @throws {UnsupportedModelError} If it is of another family, as SDXL or Flux.
 *
 * @example
 * ```ts ignore
 * import { openCheckpoint } from "@mobile-diffusion/sdk/weights";
 *
 * await using checkpoint = await openCheckpoint("v1-5-pruned-emaonly.safetensors");
 * const { config, weights } = checkpoint.unet;
 * console.log(config.cross_attention_dim, weights.info("conv_in.weight")); // 768 …
 * ```
 */
export async function openCheckpoint(
  source: ByteSource,
  options: CheckpointOptions = {},
): Promise<Checkpoint> {
  const file = await openWeightsFile(source);
  try {
    return splitCheckpoint(file, options);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Takes a checkpoint's weights apart. Disposing the result disposes `weights`.
 *
 * @throws {WeightsError} If they are not a whole checkpoint.
 * @throws {UnsupportedModelError} If it is of another family, as SDXL or Flux.
 */
export function splitCheckpoint(weights: CheckpointWeights, options: CheckpointOptions = {}): Checkpoint {
  inferCheckpointConfig(weights); // says what is missing
  const { unet, vae, textEncoder, ...said } = splitCheckpointParts(weights, options);
  return {
    ...said,
    unet,
    vae: vae!,
    textEncoder: textEncoder!,
    [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose](),
  };
}

/** The networks of a checkpoint that may have been published without its VAE or its text encoder. */
export type PartialCheckpoint =
  & Pick<Checkpoint, "unet" | "predictionType" | "zeroTerminalSnr">
  & Partial<Pick<Checkpoint, "vae" | "textEncoder">>
  & Pick<CheckpointParts, "trainedClipSkip">;

/**
 * Takes apart what a checkpoint has. The parts live as long as `weights`.
 *
 * @throws {WeightsError} If it has no UNet, or part of a network.
 * @throws {UnsupportedModelError} If it is of another family, as SDXL or Flux.
 */
export function splitCheckpointParts(
  weights: CheckpointWeights,
  options: CheckpointOptions = {},
): PartialCheckpoint {
  const { unet, vae, text, predictionType, zeroTerminalSnr, trainedClipSkip } = inferCheckpointParts(weights);
  const lent: Weights = {
    names: () => weights.names(),
    info: (name) => weights.info(name),
    read: (name) => weights.read(name),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    unet: {
      config: { ...unet.config, ...options.unet },
      weights: renameWeights(lent, unetNames(unet.layout)),
    },
    ...vae !== undefined && {
      vae: { config: { ...vae.config, ...options.vae }, weights: renameWeights(lent, vaeNames(vae.layout)) },
    },
    ...text !== undefined && {
      textEncoder: {
        config: { ...text.config, ...options.textEncoder },
        weights: renameWeights(lent, textNames(text.layout)),
      },
    },
    ...predictionType !== undefined && { predictionType },
    ...trainedClipSkip !== undefined && { trainedClipSkip },
    zeroTerminalSnr,
  };
}
