/**
 * Original single-file checkpoints of Stable Diffusion XL and its pruned children (SSD-1B, Vega), and of its refiner,
 * as the networks in them.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import type { PredictionType } from "../core/schedule.ts";
import { inferPredictionType } from "./_checkpoint_prediction.ts";
import { hasText, inferTextAt } from "./_checkpoint_text.ts";
import { inferUnet } from "./_checkpoint_unet.ts";
import { inferVae } from "./_checkpoint_vae.ts";
import type { CheckpointNetwork, CheckpointOptions } from "./checkpoint.ts";
import type { CheckpointWeights } from "./checkpoint_config.ts";
import { type NameMap, textNames, unetNames, vaeNames } from "./checkpoint_map.ts";
import { renameWeights } from "./rename.ts";
import type { Weights } from "./weights.ts";

/** Fields of configs that shapes do not tell, for {@linkcode splitXlCheckpoint}. */
export interface XlCheckpointOptions extends CheckpointOptions {
  /** Fields of the second text encoder's config. */
  readonly textEncoder2?: Json;
}

/** A checkpoint, taken apart. Disposing it closes the file. */
export interface XlCheckpoint extends AsyncDisposable {
  /** The refiner has the second text encoder only. */
  readonly kind: "base" | "refiner";
  /** The denoising network. */
  readonly unet: CheckpointNetwork;
  /** The autoencoder. */
  readonly vae: CheckpointNetwork;
  /** CLIP; absent in the refiner. */
  readonly textEncoder?: CheckpointNetwork;
  /** OpenCLIP, with its projection. */
  readonly textEncoder2: CheckpointNetwork;
  /** What the UNet predicts. */
  readonly predictionType: PredictionType;
  /** Whether the UNet was trained with no signal left at the last timestep. */
  readonly zeroTerminalSnr: boolean;
}

const clip = { kind: "clip", prefix: "conditioner.embedders.0.transformer.text_model." } as const;
const openClip = { kind: "openclip", prefix: "conditioner.embedders.1.model." } as const;
const refinersClip = { kind: "openclip", prefix: "conditioner.embedders.0.model." } as const;

/** Whether tensors of these names are such a checkpoint. */
export function isXlCheckpoint(names: ReadonlySet<string>): boolean {
  return names.has("model.diffusion_model.label_emb.0.0.weight") &&
    [...names].some((name) => name.startsWith("conditioner.embedders."));
}

/**
 * Takes a checkpoint's weights apart. Only shapes are read. Disposing the result disposes `weights`.
 *
 * @throws {WeightsError} If one of its networks is missing.
 * @throws {UnsupportedModelError} If its noise levels are EDM's, as Playground v2.5's and CosXL's.
 *
 * @example
 * ```ts ignore
 * import { openSafetensors, splitXlCheckpoint } from "@mobile-diffusion/sdk/weights";
 *
 * await using checkpoint = splitXlCheckpoint(await openSafetensors("sd_xl_base_1.0.safetensors"));
 * console.log(checkpoint.unet.config.transformer_layers_per_block); // [ 1, 2, 10 ]
 * ```
 */
export function splitXlCheckpoint(
  weights: CheckpointWeights,
  options: XlCheckpointOptions = {},
): XlCheckpoint {
  refuseOtherLevels(weights);
  const refiner = !hasText(weights, clip) && hasText(weights, refinersClip);
  const second = refiner ? refinersClip : openClip;
  needText(weights, ...refiner ? [second] : [clip, second]);
  const lent: Weights = {
    names: () => weights.names(),
    info: (name) => weights.info(name),
    read: (name) => weights.read(name),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const network = (config: Json, names: NameMap): CheckpointNetwork => ({
    config,
    weights: renameWeights(lent, names),
  });
  const text = (place: typeof clip | typeof second, given?: Json) => {
    const { config, layout } = inferTextAt(weights, place);
    return network({ ...config, ...given }, textNames(layout));
  };
  const unet = inferUnet(weights, { wideHeads: true, sampleSize: 128 });
  const vae = inferVae(weights, 0.13025);
  const textEncoder2 = text(second, options.textEncoder2);
  return {
    kind: refiner ? "refiner" : "base",
    unet: network(
      { ...idFeatures(unet.config, textEncoder2.config, refiner ? 5 : 6), ...options.unet },
      unetNames(unet.layout),
    ),
    vae: network({ ...vae.config, force_upcast: true, ...options.vae }, vaeNames(vae.layout)),
    ...!refiner && { textEncoder: text(clip, options.textEncoder) },
    textEncoder2,
    predictionType: inferPredictionType(weights) ?? "epsilon",
    zeroTerminalSnr: weights.info("ztsnr") !== undefined,
    [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose](),
  };
}

/** The text vector and the ids' features, equally many of each, make the width of what the UNet is told. */
function idFeatures(unet: Json, { projection_dim: text }: Json, ids: number): Json {
  const { projection_class_embeddings_input_dim: width } = unet;
  const features = (Number(width) - Number(text)) / ids;
  if (features > 0 && features % 2 === 0) return { ...unet, addition_time_embed_dim: features };
  throw new WeightsError(
    `Cannot open checkpoint: its UNet is told ${width} numbers and its second text encoder gives ${text}, expected ` +
      `room for the features of ${ids} ids beside them.`,
  );
}

function needText(
  weights: Weights,
  ...places: readonly (typeof clip | typeof openClip | typeof refinersClip)[]
) {
  for (const place of places) {
    if (hasText(weights, place)) continue;
    throw new WeightsError(
      `Cannot open checkpoint: it has no ${
        place === clip ? "first" : "second"
      } text encoder, expected tensors ` +
        `"${place.prefix}*".`,
    );
  }
}

/** Tensors without values by which files say that their noise levels are EDM's. */
const markers = ["edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min"];

function refuseOtherLevels(weights: Weights): void {
  const marker = markers.find((name) => weights.info(name) !== undefined);
  if (marker === undefined) return;
  throw new UnsupportedModelError(
    `Cannot open checkpoint: its tensor "${marker}" says that it was trained on EDM's noise levels, as Playground v2.5 ` +
      `and CosXL; expected a model of Stable Diffusion XL's own.`,
  );
}
