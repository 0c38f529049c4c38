/**
 * What a UNet's `config.json` says, worked out level by level. Stable Diffusion 1.x/2.x, its pruned children, LCM
 * and MobileDiffusion are one network with different values here.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { UnetConfig } from "../core/parts.ts";
import type { Activation } from "../graph/graph.ts";
import { boolean, booleans, type Json, number, numbers, word, words } from "./_json.ts";

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
  /** Transformer after each residual block on the way down. */
  readonly down?: TransformerConfig;
  /** Transformer after each residual block on the way up. */
  readonly up?: TransformerConfig;
  /** Depthwise 3 × 3 and pointwise 1 × 1 in place of full convolutions. */
  readonly separable: boolean;
}

/** The middle of the UNet. */
export interface MidBlock {
  /**
   * `"sandwich"`: a residual block, then `layers` × (transformer, residual block), as Stable Diffusion;
   * `"stack"`: `layers` × (residual block, transformer), as MobileDiffusion.
   */
  readonly kind: "sandwich" | "stack";
  /** Repetitions. */
  readonly layers: number;
  /** The transformers in it. */
  readonly transformer: TransformerConfig;
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

/** A UNet, level by level. */
export interface UnetArchitecture extends UnetConfig, BlockConfig {
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
 * Reads a UNet's `config.json`.
 *
 * @throws {UnsupportedModelError} If the file asks for something that this family of networks does not have.
 * @throws {TypeError} If a field has a value of the wrong kind.
 */
export function readUnetConfig(config: Json): UnetArchitecture {
  refuseUnsupported(config);
  const downTypes = words(config, "down_block_types");
  const upTypes = words(config, "up_block_types");
  const count = downTypes.length;
  const channels = numbers(config, "block_out_channels", count);
  const layers = numbers(config, "layers_per_block", count, 2);
  const upLayers = numbers(config, "up_layers_per_block", count, layers.map((n) => n + 1).reverse());
  // In these files "attention_head_dim" has always meant the number of heads.
  const heads = numbers(config, config.num_attention_heads == null ? "attention_head_dim" : "num_attention_heads", count, 8);
  const depths = numbers(config, "transformer_layers_per_block", count, 1);
  const upDepths = numbers(config, "reverse_transformer_layers_per_block", count, depths.toReversed());
  const selfAttention = booleans(config, "self_attention", count, true);
  const separable = booleans(config, "separable_convolutions", count, false);
  const transformer = (level: number, depth: number): TransformerConfig => ({
    depth,
    heads: heads[level]!,
    selfAttention: selfAttention[level]!,
  });
  const attends = (types: readonly string[], index: number, name: string) => {
    if (types[index] === `CrossAttn${name}`) return true;
    if (types[index] === name) return false;
    throw new UnsupportedModelError(
      `Cannot read the UNet: block type "${types[index]}" is not supported, expected "${name}" or "CrossAttn${name}".`,
    );
  };
  const levels = channels.map((width, level): UnetLevel => {
    const mirror = count - 1 - level;
    return {
      channels: width,
      layers: layers[level]!,
      upLayers: upLayers[mirror]!,
      separable: separable[level]!,
      ...attends(downTypes, level, "DownBlock2D") && { down: transformer(level, depths[level]!) },
      ...attends(upTypes, mirror, "UpBlock2D") && { up: transformer(level, upDepths[mirror]!) },
    };
  });
  const midTransformer = { ...transformer(count - 1, depths[count - 1]!), selfAttention: true };
  const mid = config.mid_block_type === null
    ? undefined
    : word(config, "mid_block_type", ["UNetMidBlock2DCrossAttn", "MobileMidBlock2D"], "UNetMidBlock2DCrossAttn");
  const timeCondProjDim = config.time_cond_proj_dim == null ? undefined : number(config, "time_cond_proj_dim");
  return {
    inChannels: number(config, "in_channels", 4),
    outChannels: number(config, "out_channels", 4),
    sampleSize: number(config, "sample_size", 64),
    crossAttentionDim: number(config, "cross_attention_dim", 1280),
    ...timeCondProjDim !== undefined && { timeCondProjDim },
    levels,
    ...mid !== undefined && {
      mid: {
        kind: mid === "MobileMidBlock2D" ? "stack" : "sandwich",
        layers: number(config, "mid_block_layers", 1),
        transformer: midTransformer,
      },
    },
    skips: word(config, "skip_connections", ["layer", "level"], "layer"),
    normGroups: number(config, "norm_num_groups", 32),
    normEpsilon: number(config, "norm_eps", 1e-5),
    activation: activation(word(config, "act_fn", ["silu", "swish", "gelu", "relu"], "silu")),
    linearProjection: boolean(config, "use_linear_projection", false),
    attentionActivation: word(config, "attention_activation", ["softmax", "relu"], "softmax"),
    attentionLengthNorm: boolean(config, "attention_length_norm", false),
    sharedKeyValue: boolean(config, "shared_key_value", false),
    feedForward: word(config, "feed_forward_activation", ["geglu", "swiglu"], "geglu"),
    feedForwardMultiplier: number(config, "feed_forward_multiplier", 4),
    timeFeatures: channels[0]!,
    flipSinToCos: boolean(config, "flip_sin_to_cos", true),
    frequencyShift: number(config, "freq_shift", 0),
    timeEmbedding: number(config, "time_embedding_dim", channels[0]! * 4),
    convInKernel: number(config, "conv_in_kernel", 3),
    convOutKernel: number(config, "conv_out_kernel", 3),
    centerInput: boolean(config, "center_input_sample", false),
  };
}

/** diffusers' name of a non-linearity to ours. */
export function activation(name: "silu" | "swish" | "gelu" | "relu"): Activation {
  return name === "swish" ? "silu" : name;
}

/** Fields that must be absent or have this value: what they would add belongs to other families. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  class_embed_type: [null],
  num_class_embeds: [null],
  addition_embed_type: [null],
  encoder_hid_dim_type: [null],
  encoder_hid_dim: [null],
  time_embedding_type: ["positional"],
  time_embedding_act_fn: [null],
  timestep_post_act: [null],
  dual_cross_attention: [false],
  only_cross_attention: [false],
  mid_block_only_cross_attention: [null, false],
  cross_attention_norm: [null],
  attention_type: ["default"],
  resnet_time_scale_shift: ["default"],
  resnet_skip_time_act: [false],
  resnet_out_scale_factor: [1],
  mid_block_scale_factor: [1],
  downsample_padding: [1],
};

function refuseUnsupported(config: Json): void {
  for (const [field, allowed] of Object.entries(required)) {
    const value = config[field];
    if (value === undefined || allowed.includes(value)) continue;
    throw new UnsupportedModelError(
      `Cannot read the UNet: "${field}" is ${JSON.stringify(value)}, which belongs to another family of models ` +
        `(supported: Stable Diffusion 1.x and 2.x, their pruned and distilled children, MobileDiffusion).`,
    );
  }
}
