/**
 * The variational autoencoder of latent diffusion (Rombach et al. 2022), both halves.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Activation, Graph, Value } from "../graph/graph.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { fromTokens, resnet, type ResnetOptions, toTokens } from "./_blocks.ts";
import {
  boolean,
  checkDivides,
  FACTOR,
  LAYERS,
  NUMBER,
  number,
  numbers,
  WIDTH,
  word,
  words,
} from "./_json.ts";
import { activation } from "./unet_config.ts";

/** Mean and deviation of latents, one number a channel. */
export interface LatentStatistics {
  /** Means. */
  readonly mean: readonly number[];
  /** Standard deviations. */
  readonly deviation: readonly number[];
}

/** What a VAE's `config.json` says. */
export interface AutoencoderKLConfig {
  /** Channels of each level, highest resolution first. */
  readonly channels: readonly number[];
  /** Residual blocks a level in the encoder; the decoder has one more. */
  readonly layers: number;
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Latents are multiplied by this for the UNet. */
  readonly scalingFactor: number;
  /** Mean and deviation of each channel of the latents, which are taken out for the UNet (Playground v2.5). */
  readonly latentStatistics?: LatentStatistics;
  /** Groups of the group normalisations. */
  readonly normGroups: number;
  /** Non-linearity of the residual blocks. */
  readonly activation: Activation;
  /** Whether the middle attends to all pixels. */
  readonly midAttention: boolean;
  /** Whether a 1 × 1 convolution follows the encoder. */
  readonly quantConv: boolean;
  /** Whether a 1 × 1 convolution precedes the decoder. */
  readonly postQuantConv: boolean;
}

/**
 * Reads a VAE's `config.json`.
 *
 * @throws {UnsupportedModelError} If its blocks are of another kind.
 * @throws {TypeError} If a field has a value of the wrong kind.
 * @throws {RangeError} If a number is out of its range.
 */
export function readAutoencoderKLConfig(config: Json): AutoencoderKLConfig {
  const count = words(config, "down_block_types").length;
  for (const type of [...words(config, "down_block_types"), ...words(config, "up_block_types")]) {
    if (type !== "DownEncoderBlock2D" && type !== "UpDecoderBlock2D") {
      throw new UnsupportedModelError(
        `Cannot read the VAE: block type "${type}" is not supported, expected "DownEncoderBlock2D" and "UpDecoderBlock2D".`,
      );
    }
  }
  if (config.shift_factor != null) {
    throw new UnsupportedModelError(
      `Cannot read the VAE: "shift_factor" belongs to another family of models.`,
    );
  }
  const latentChannels = number(config, "latent_channels", WIDTH, 4);
  const latentStatistics = readLatentStatistics(config, latentChannels);
  const channels = numbers(config, "block_out_channels", WIDTH, count);
  const normGroups = number(config, "norm_num_groups", WIDTH, 32);
  checkDivides("norm_num_groups", normGroups, channels);
  return {
    channels,
    layers: number(config, "layers_per_block", LAYERS, 1),
    latentChannels,
    scalingFactor: number(config, "scaling_factor", FACTOR, 0.18215),
    ...latentStatistics !== undefined && { latentStatistics },
    normGroups,
    activation: activation(word(config, "act_fn", ["silu", "swish", "gelu", "relu"], "silu")),
    midAttention: boolean(config, "mid_block_add_attention", true),
    quantConv: boolean(config, "use_quant_conv", true),
    postQuantConv: boolean(config, "use_post_quant_conv", true),
  };
}

/** One of the two fields without the other is an error: the picture would be another one. */
function readLatentStatistics(config: Json, channels: number): LatentStatistics | undefined {
  if (config.latents_mean == null && config.latents_std == null) return undefined;
  return {
    mean: numbers(config, "latents_mean", NUMBER, channels),
    deviation: numbers(config, "latents_std", FACTOR, channels),
  };
}

/** Picture pixels per latent pixel. */
export function downscale({ channels }: AutoencoderKLConfig): number {
  return 2 ** (channels.length - 1);
}

/**
 * Writes the encoder. Input: `sample` `[rows, 3, height, width]` in −1 … 1. Output: `moments`
 * `[rows, 2 · latentChannels, height / 8, width / 8]`, the mean and the log-variance of the posterior, not scaled.
 */
export function autoencoderKLEncoder(config: AutoencoderKLConfig): Graph {
  const g = new GraphBuilder("vae_encoder");
  const last = config.channels.length - 1;
  const sample = g.input("sample", "float32", ["rows", 3, "height", "width"]);
  let hidden = g.conv2d("encoder.conv_in", sample, config.channels[0]!);
  for (const [level, channels] of config.channels.entries()) {
    const path = `encoder.down_blocks.${level}`;
    for (let i = 0; i < config.layers; i++) {
      hidden = residual(g, `${path}.resnets.${i}`, hidden, channels, config);
    }
    if (level < last) {
      hidden = g.conv2d(`${path}.downsamplers.0.conv`, hidden, channels, {
        stride: 2,
        padding: [0, 0, 1, 1],
      });
    }
  }
  hidden = outward(g, "encoder", middle(g, "encoder", hidden, config), 2 * config.latentChannels, config);
  return g.build({
    moments: config.quantConv
      ? g.conv2d("quant_conv", hidden, 2 * config.latentChannels, { kernel: 1 })
      : hidden,
  });
}

/**
 * Writes the decoder. Input: `latent_sample` `[rows, latentChannels, height, width]`, divided by the scaling factor.
 * Output: `sample` `[rows, 3, 8 · height, 8 · width]`, about −1 … 1.
 */
export function autoencoderKLDecoder(config: AutoencoderKLConfig): Graph {
  const g = new GraphBuilder("vae_decoder");
  const last = config.channels.length - 1;
  const latent = g.input("latent_sample", "float32", ["rows", config.latentChannels, "height", "width"]);
  const widened = config.postQuantConv
    ? g.conv2d("post_quant_conv", latent, config.latentChannels, { kernel: 1 })
    : latent;
  let hidden = middle(g, "decoder", g.conv2d("decoder.conv_in", widened, config.channels[last]!), config);
  for (const [level, channels] of config.channels.toReversed().entries()) {
    const path = `decoder.up_blocks.${level}`;
    for (let i = 0; i <= config.layers; i++) {
      hidden = residual(g, `${path}.resnets.${i}`, hidden, channels, config);
    }
    if (level < last) hidden = g.conv2d(`${path}.upsamplers.0.conv`, g.resize(path, hidden, 2), channels);
  }
  return g.build({ sample: outward(g, "decoder", hidden, 3, config) });
}

function residual(
  g: GraphBuilder,
  path: string,
  x: Value,
  channels: number,
  config: AutoencoderKLConfig,
): Value {
  const options: ResnetOptions = {
    channels,
    normGroups: config.normGroups,
    normEpsilon: 1e-6,
    activation: config.activation,
  };
  return resnet(g, path, x, options);
}

function middle(g: GraphBuilder, half: string, x: Value, config: AutoencoderKLConfig): Value {
  const path = `${half}.mid_block`;
  const channels = x.shape[1] as number;
  let hidden = residual(g, `${path}.resnets.0`, x, channels, config);
  if (config.midAttention) hidden = g.add(path, attention(g, `${path}.attentions.0`, hidden, config), hidden);
  return residual(g, `${path}.resnets.1`, hidden, channels, config);
}

/** Attention of one head over all pixels. */
function attention(g: GraphBuilder, path: string, x: Value, { normGroups }: AutoencoderKLConfig): Value {
  const channels = x.shape[1] as number;
  const tokens = toTokens(g, path, g.groupNorm(`${path}.group_norm`, x, normGroups, 1e-6));
  const [query, key, value] = ["to_q", "to_k", "to_v"].map((name) =>
    g.linear(`${path}.${name}`, tokens, channels)
  ) as [Value, Value, Value];
  const mixed = g.attention(path, query, key, value, { heads: 1 });
  return fromTokens(g, path, g.linear(`${path}.to_out.0`, mixed, channels), x);
}

function outward(
  g: GraphBuilder,
  half: string,
  x: Value,
  channels: number,
  config: AutoencoderKLConfig,
): Value {
  const normed = g.groupNorm(`${half}.conv_norm_out`, x, config.normGroups, 1e-6);
  return g.conv2d(
    `${half}.conv_out`,
    g.activation(`${half}.conv_norm_out`, config.activation, normed),
    channels,
  );
}
