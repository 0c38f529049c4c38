/**
 * What a UNet's `config.json` says, worked out level by level. Stable Diffusion 1.x/2.x, XL, their pruned children,
 * LCM and MobileDiffusion are one network with different values here.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { UnetTraits } from "../core/parts.ts";
import type { Activation } from "../graph/graph.ts";
import {
  boolean,
  booleans,
  checkBlocks,
  checkDivides,
  EPSILON,
  LAYERS,
  NUMBER,
  number,
  numberLists,
  numbers,
  REPEATS,
  SIDE,
  WIDTH,
  word,
  words,
} from "./_json.ts";

/** A transformer between convolutions. */
export interface TransformerConfig {
  /** Number of (self-attention, cross-attention, feed-forward) blocks. */
  readonly depth: number;
  /** Attention heads. */
  readonly heads: number;
  /** Whether the blocks attend to the picture itself; cross-attention to the text is always there. */
  readonly selfAttention: boolean;
}

/** One resolution of the UNet. */
export interface UnetLevel {
  /** Channels at this level. */
  readonly channels: number;
  /** Residual blocks on the way down. */
  readonly layers: number;
  /** Residual blocks on the way up; each consumes a skip connection. */
  readonly upLayers: number;
  /** Transformers after the residual blocks on the way down, one each; none where the level has no attention. */
  readonly down: readonly TransformerConfig[];
  /** Transformers after the residual blocks on the way up, likewise. */
  readonly up: readonly TransformerConfig[];
  /** Depthwise 3 × 3 and pointwise 1 × 1 in place of full convolutions. */
  readonly separable: boolean;
}

/** The middle of the UNet. */
export interface MidBlock {
  /**
   * `"sandwich"`: a residual block, then `layers` × (transformer, residual block), as Stable Diffusion (1) and some
   * of its pruned children (0); `"stack"`: `layers` × (residual block, transformer), as MobileDiffusion.
   */
  readonly kind: "sandwich" | "stack";
  /** Repetitions. */
  readonly layers: number;
  /** The transformers in it. */
  readonly transformer: TransformerConfig;
  /** Depthwise 3 × 3 and pointwise 1 × 1 in place of full convolutions. */
  readonly separable: boolean;
}

/** What is the same in all blocks. */
export interface BlockConfig {
  /** Groups of the group normalisations. */
  readonly normGroups: number;
  /** Epsilon of the group normalisations. */
  readonly normEpsilon: number;
  /** Non-linearity of the residual blocks. */
  readonly activation: Activation;
  /** Whether a transformer's projections are stored as linear layers or as 1 × 1 convolutions. */
  readonly linearProjection: boolean;
  /** Attention weights: softmax, or ReLU (MobileDiffusion). */
  readonly attentionActivation: "softmax" | "relu";
  /** Divides ReLU attention by the number of keys. */
  readonly attentionLengthNorm: boolean;
  /** One projection serves as key and value (MobileDiffusion). */
  readonly sharedKeyValue: boolean;
  /** Gate of the feed-forward layers: GELU, or Swish (MobileDiffusion). */
  readonly feedForward: "geglu" | "swiglu";
  /** Width of the feed-forward layers over the transformer's: 4, or 3 (MobileDiffusion). */
  readonly feedForwardMultiplier: number;
}

/** What a network is told beside prompt and timestep (Stable Diffusion XL): the text as one vector, and sizes. */
export interface AddedEmbedding {
  /** Numbers that enter the network: the text vector's, and the features of all ids. */
  readonly width: number;
  /** Sinusoidal features of one id. */
  readonly idFeatures: number;
}

/** The sizes on a UNet's outside. */
export interface UnetSizes {
  /** Channels of the `sample` input: the latent's, or 9 for inpainting models (latent + mask + masked latent). */
  readonly inChannels: number;
  /** Channels of the prediction, equal to the latent's. */
  readonly outChannels: number;
  /** Side of the training pictures in latent pixels (64 for 512 × 512 pictures). */
  readonly sampleSize: number;
  /** Width of the conditioning's last dimension. */
  readonly crossAttentionDim: number;
  /** Width of the guidance embedding of w-conditioned (guidance-distilled) networks. */
  readonly timeCondProjDim?: number;
}

/** How a UNet of these sizes is called. */
export function unetTraits({ inChannels, outChannels, timeCondProjDim }: UnetSizes): UnetTraits {
  return {
    ...inChannels > outChannels && { condition: { channels: inChannels - outChannels, required: true } },
    ...timeCondProjDim !== undefined && { embeddedGuidance: true },
  };
}

/** A UNet, level by level. */
export interface UnetArchitecture extends UnetSizes, BlockConfig {
  /** The embedding added to that of the timestep, where there is one. */
  readonly added?: AddedEmbedding;
  /** Resolutions, highest first. */
  readonly levels: readonly UnetLevel[];
  /** The middle; some pruned models have none. */
  readonly mid?: MidBlock;
  /** One skip connection a residual block, or one a level (MobileDiffusion). */
  readonly skips: "layer" | "level";
  /** Sinusoidal features of the timestep: how many, and in which order and spacing. */
  readonly timeFeatures: number;
  /** Cosines before sines. */
  readonly flipSinToCos: boolean;
  /** Shift of the frequencies' spacing. */
  readonly frequencyShift: number;
  /** Width of the time embedding. */
  readonly timeEmbedding: number;
  /** Side of the first convolution's window. */
  readonly convInKernel: number;
  /** Side of the last convolution's window. */
  readonly convOutKernel: number;
  /** Maps the input from 0 … 1 to −1 … 1 first. */
  readonly centerInput: boolean;
}

/**
 * Reads a UNet's `config.json`: every field of diffusers' `UNet2DConditionModel`, and ours, which say what a
 * MobileDiffusion has and Stable Diffusion has not (see {@linkcode MOBILE_DIFFUSION}). A list has one entry a level.
 *
 * | field | meaning | default |
 * |---|---|---|
 * | `up_layers_per_block` | residual blocks of each level on the way up, lowest resolution first | one more than down |
 * | `mid_block_type: "MobileMidBlock2D"` | the middle is a stack, see {@linkcode MidBlock} | |
 * | `mid_block_layers` | its repetitions | 1 |
 * | `mid_block_transformer_layers` | depth of its transformers | that of the last level |
 * | `mid_block_separable_convolutions` | as `separable_convolutions` | that of the last level |
 * | `skip_connections` | `"layer"` or `"level"` | `"layer"` |
 * | `self_attention` | whether the transformers of a level attend to the picture | true |
 * | `separable_convolutions` | depthwise and pointwise in place of full ones | false |
 * | `attention_activation`, `attention_length_norm`, `shared_key_value` | see {@linkcode BlockConfig} | `"softmax"`, false, false |
 * | `feed_forward_activation`, `feed_forward_multiplier` | see {@linkcode BlockConfig} | `"geglu"`, 4 |
 *
 * @throws {UnsupportedModelError} If the file asks for something that this family of networks does not have.
 * @throws {TypeError} If a field has a value of the wrong kind.
 * @throws {RangeError} If a number is out of its range.
 */
export function readUnetConfig(config: Json): UnetArchitecture {
  refuseOtherFamilies(config);
  const levels = readLevels(config);
  const mid = readMidBlock(config, levels.length);
  const timeCondProjDim = config.time_cond_proj_dim == null
    ? undefined
    : number(config, "time_cond_proj_dim", WIDTH);
  const timeFeatures = levels[0]!.channels;
  const added = readAddedEmbedding(config);
  const normGroups = number(config, "norm_num_groups", WIDTH, 32);
  checkDivides("norm_num_groups", normGroups, levels.map(({ channels }) => channels));
  checkHeads(levels, mid);
  checkBlocks(blocksOf(levels, mid));
  return {
    inChannels: number(config, "in_channels", WIDTH, 4),
    outChannels: number(config, "out_channels", WIDTH, 4),
    sampleSize: Math.max(...numbers(config, "sample_size", SIDE, 2, 64)),
    crossAttentionDim: readCrossAttentionDim(config, levels.length),
    ...timeCondProjDim !== undefined && { timeCondProjDim },
    ...added !== undefined && { added },
    levels,
    ...mid !== undefined && { mid },
    skips: word(config, "skip_connections", ["layer", "level"], "layer"),
    normGroups,
    normEpsilon: number(config, "norm_eps", EPSILON, 1e-5),
    activation: activation(word(config, "act_fn", ["silu", "swish", "gelu", "relu"], "silu")),
    linearProjection: boolean(config, "use_linear_projection", false),
    attentionActivation: word(config, "attention_activation", ["softmax", "relu"], "softmax"),
    attentionLengthNorm: boolean(config, "attention_length_norm", false),
    sharedKeyValue: boolean(config, "shared_key_value", false),
    feedForward: word(config, "feed_forward_activation", ["geglu", "swiglu"], "geglu"),
    feedForwardMultiplier: number(config, "feed_forward_multiplier", { least: 1, most: 64, whole: true }, 4),
    timeFeatures,
    flipSinToCos: boolean(config, "flip_sin_to_cos", true),
    frequencyShift: number(config, "freq_shift", NUMBER, 0),
    timeEmbedding: number(config, "time_embedding_dim", WIDTH, timeFeatures * 4),
    convInKernel: number(config, "conv_in_kernel", SIDE, 3),
    convOutKernel: number(config, "conv_out_kernel", SIDE, 3),
    centerInput: boolean(config, "center_input_sample", false),
  };
}

/** diffusers' name of a non-linearity to ours. */
export function activation(name: "silu" | "swish" | "gelu" | "relu"): Activation {
  return name === "swish" ? "silu" : name;
}

function readLevels(config: Json): UnetLevel[] {
  const downTypes = words(config, "down_block_types");
  const upTypes = words(config, "up_block_types");
  const count = downTypes.length;
  if (upTypes.length !== count) {
    throw new TypeError(
      `Cannot read config.json: "up_block_types" has ${upTypes.length} blocks, expected ${count} as "down_block_types".`,
    );
  }
  const channels = numbers(config, "block_out_channels", WIDTH, count);
  const layers = numbers(config, "layers_per_block", LAYERS, count, 2);
  const upLayers = numbers(config, "up_layers_per_block", REPEATS, count, layers.map((n) => n + 1).reverse());
  const heads = readHeads(config, count);
  const { transformer_layers_per_block: depth = 1 } = config;
  const depths = numberLists(config, "transformer_layers_per_block", REPEATS, layers, 1);
  const mirrored = Array.isArray(depth) ? depth.toReversed() : depth;
  const upDepths = numberLists(config, "reverse_transformer_layers_per_block", REPEATS, upLayers, mirrored);
  const selfAttention = booleans(config, "self_attention", count, true);
  const separable = booleans(config, "separable_convolutions", count, false);
  const transformers = (level: number, depths: readonly number[]) =>
    depths.map((depth) => ({ depth, heads: heads[level]!, selfAttention: selfAttention[level]! }));
  return channels.map((width, level): UnetLevel => {
    const mirror = count - 1 - level;
    return {
      channels: width,
      layers: layers[level]!,
      upLayers: upLayers[mirror]!,
      separable: separable[level]!,
      down: attends(downTypes[level]!, "DownBlock2D") ? transformers(level, depths[level]!) : [],
      up: attends(upTypes[mirror]!, "UpBlock2D") ? transformers(level, upDepths[mirror]!) : [],
    };
  });
}

function checkHeads(levels: readonly UnetLevel[], mid: MidBlock | undefined): void {
  for (const { channels, down, up } of levels) {
    for (const { heads } of [...down, ...up]) checkDivides("attention_head_dim", heads, [channels]);
  }
  if (mid !== undefined && mid.layers > 0) {
    checkDivides("attention_head_dim", mid.transformer.heads, [levels.at(-1)!.channels]);
  }
}

/** Residual and transformer blocks in all. */
function blocksOf(levels: readonly UnetLevel[], mid: MidBlock | undefined): number {
  const depths = levels.flatMap(({ down, up }) => [...down, ...up]).map(({ depth }) => depth);
  const middle = mid === undefined ? 0 : 1 + mid.layers * (1 + mid.transformer.depth);
  return [...levels.map(({ layers, upLayers }) => layers + upLayers), ...depths].reduce(
    (a, b) => a + b,
    middle,
  );
}

/** In these files "attention_head_dim" has always meant the number of heads. */
function readHeads(config: Json, levels: number): number[] {
  const field = config.num_attention_heads == null ? "attention_head_dim" : "num_attention_heads";
  return numbers(config, field, WIDTH, levels, 8);
}

function attends(type: string, name: "DownBlock2D" | "UpBlock2D"): boolean {
  if (type === `CrossAttn${name}`) return true;
  if (type === name) return false;
  throw new UnsupportedModelError(
    `Cannot read the UNet: block type "${type}" is not supported, expected "${name}" or "CrossAttn${name}".`,
  );
}

function readMidBlock(config: Json, levels: number): MidBlock | undefined {
  const { mid_block_type: type = "UNetMidBlock2DCrossAttn" } = config;
  if (type === null) return undefined;
  const layers = midBlockLayers[type as string];
  if (layers === undefined) {
    throw new UnsupportedModelError(
      `Cannot read the UNet: middle block type ${
        JSON.stringify(type)
      } is not supported, expected null or one of ${Object.keys(midBlockLayers).join(", ")}.`,
    );
  }
  const { transformer_layers_per_block: depth = 1 } = config;
  const last = [depth].flat(2).at(-1);
  return {
    kind: type === "MobileMidBlock2D" ? "stack" : "sandwich",
    layers: number(config, "mid_block_layers", REPEATS, layers),
    transformer: {
      depth: number(
        { mid_block_transformer_layers: last, ...config },
        "mid_block_transformer_layers",
        REPEATS,
      ),
      heads: readHeads(config, levels).at(-1)!,
      selfAttention: true,
    },
    separable: boolean(
      config,
      "mid_block_separable_convolutions",
      booleans(config, "separable_convolutions", levels, false).at(-1)!,
    ),
  };
}

/** Repetitions of each kind of middle, where the file does not say. */
const midBlockLayers: Readonly<Record<string, number>> = {
  UNetMidBlock2DCrossAttn: 1,
  UNetMidBlock2D: 0,
  MobileMidBlock2D: 1,
};

function readAddedEmbedding(config: Json): AddedEmbedding | undefined {
  const { addition_embed_type: type = null } = config;
  if (type === null) return undefined;
  if (type === "text_time") {
    return {
      width: number(config, "projection_class_embeddings_input_dim", WIDTH),
      idFeatures: number(config, "addition_time_embed_dim", WIDTH),
    };
  }
  throw new UnsupportedModelError(
    `Cannot read the UNet: "addition_embed_type" is ${
      JSON.stringify(type)
    }, as in DeepFloyd IF and Kandinsky; expected null, or "text_time" as in Stable Diffusion XL.`,
  );
}

function readCrossAttentionDim(config: Json, levels: number): number {
  const [width, ...others] = numbers(config, "cross_attention_dim", WIDTH, levels, 1280) as [
    number,
    ...number[],
  ];
  if (others.every((other) => other === width)) return width;
  throw new UnsupportedModelError(
    `Cannot read the UNet: "cross_attention_dim" is [${[
      width,
      ...others,
    ]}], expected one width for all levels.`,
  );
}

/** Fields that must be absent, null or have this value, and who has another one. */
const required: Readonly<Record<string, readonly [value: unknown, family: string]>> = {
  class_embed_type: [null, "upscalers and unCLIP"],
  num_class_embeds: [null, "upscalers"],
  encoder_hid_dim_type: [null, "Kandinsky and DeepFloyd IF"],
  encoder_hid_dim: [null, "Kandinsky and DeepFloyd IF"],
  attention_type: ["default", "GLIGEN"],
  dual_cross_attention: [false, "Versatile Diffusion"],
  only_cross_attention: [false, "upscalers"],
  mid_block_only_cross_attention: [false, "upscalers"],
  cross_attention_norm: [null, "DeepFloyd IF"],
  time_embedding_type: ["positional", "latent upscalers"],
  time_embedding_act_fn: [null, "latent upscalers"],
  timestep_post_act: [null, "latent upscalers"],
  resnet_time_scale_shift: ["default", "DeepFloyd IF"],
  resnet_skip_time_act: [false, "DeepFloyd IF"],
  resnet_out_scale_factor: [1, "DeepFloyd IF"],
  mid_block_scale_factor: [1, "DeepFloyd IF"],
  downsample_padding: [1, "unconditional models"],
};

function refuseOtherFamilies(config: Json): void {
  for (const [field, [value, family]] of Object.entries(required)) {
    const found = config[field] ?? value;
    if ([found].flat().every((item) => item === value)) continue;
    throw new UnsupportedModelError(
      `Cannot read the UNet: "${field}" is ${JSON.stringify(found)}, as in ${family}; expected ${
        JSON.stringify(value)
      }, as in Stable Diffusion 1.x, 2.x and XL, their pruned and distilled children, and MobileDiffusion.`,
    );
  }
}
