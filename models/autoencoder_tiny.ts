/**
 * The tiny autoencoder for previews and small devices (Ollin Boer Bohan's TAESD; `AutoencoderTiny` in diffusers):
 * convolutions and ReLU only, distilled from Stable Diffusion's VAE, whose latents it reads and writes.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Activation, Graph, Value } from "../graph/graph.ts";
import { FACTOR, levelsOf, number, numbers, REPEATS, WIDTH, word } from "./_json.ts";
import { activation } from "./unet_config.ts";

/** One half of the autoencoder. */
export interface AutoencoderTinyHalf {
  /** Channels of each level, in the order in which they are passed. */
  readonly channels: readonly number[];
  /** Residual blocks of each level. */
  readonly blocks: readonly number[];
}

/** What its `config.json` says. */
export interface AutoencoderTinyConfig {
  /** Picture to latent. */
  readonly encoder: AutoencoderTinyHalf;
  /** Latent to picture. */
  readonly decoder: AutoencoderTinyHalf;
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Latents are multiplied by this for the UNet; 1 for all published ones. */
  readonly scalingFactor: number;
  /** Non-linearity inside the blocks; a ReLU ends each. */
  readonly activation: Activation;
  /** By how much each level of the decoder enlarges. */
  readonly upsampling: number;
}

/**
 * Reads a tiny autoencoder's `config.json`.
 *
 * @throws {UnsupportedModelError} If it is for another family of models.
 * @throws {TypeError} If a field has a value of the wrong kind.
 * @throws {RangeError} If a number is out of its range.
 */
export function readAutoencoderTinyConfig(config: Json): AutoencoderTinyConfig {
  if (config.shift_factor != null && config.shift_factor !== 0) {
    throw new UnsupportedModelError(
      `Cannot read the VAE: "shift_factor" is ${config.shift_factor}, as in Stable Diffusion 3 and Flux; expected 0.`,
    );
  }
  word(config, "upsample_fn", ["nearest"], "nearest");
  const half = (name: "encoder" | "decoder", blocks: readonly number[]): AutoencoderTinyHalf => {
    const field = `num_${name}_blocks`;
    const count = levelsOf(config, field, blocks.length);
    return {
      channels: numbers(config, `${name}_block_out_channels`, WIDTH, count, 64),
      blocks: numbers(config, field, REPEATS, count, blocks),
    };
  };
  return {
    encoder: half("encoder", [1, 3, 3, 3]),
    decoder: half("decoder", [3, 3, 3, 1]),
    latentChannels: number(config, "latent_channels", WIDTH, 4),
    scalingFactor: number(config, "scaling_factor", FACTOR, 1),
    activation: activation(word(config, "act_fn", ["relu", "silu", "swish", "gelu"], "relu")),
    upsampling: number(config, "upsampling_scaling_factor", { least: 1, most: 8, whole: true }, 2),
  };
}

/**
 * Writes the encoder. Input: `sample` `[rows, 3, height, width]` in −1 … 1. Output: `latents`
 * `[rows, latentChannels, height / 8, width / 8]` (8 for four levels), not scaled. There is no posterior to sample.
 */
export function autoencoderTinyEncoder(config: AutoencoderTinyConfig): Graph {
  const g = new GraphBuilder("vae_encoder");
  const sample = g.input("sample", "float32", ["rows", 3, "height", "width"]);
  const path = numbered("encoder.layers");
  let hidden = g.multiply("encoder", g.add("encoder", sample, g.scalar(1)), g.scalar(0.5));
  const { channels, blocks } = config.encoder;
  for (const [level, width] of channels.entries()) {
    hidden = g.conv2d(path(), hidden, width, level === 0 ? {} : { stride: 2, bias: false });
    for (let i = 0; i < blocks[level]!; i++) hidden = block(g, path(), hidden, config.activation);
  }
  return g.build({ latents: g.conv2d(path(), hidden, config.latentChannels) });
}

/**
 * Writes the decoder. Input: `latent_sample` `[rows, latentChannels, height, width]`, divided by the scaling factor.
 * Output: `sample` `[rows, 3, 8 · height, 8 · width]` (8 for four levels), about −1 … 1.
 */
export function autoencoderTinyDecoder(config: AutoencoderTinyConfig): Graph {
  const g = new GraphBuilder("vae_decoder");
  const latent = g.input("latent_sample", "float32", ["rows", config.latentChannels, "height", "width"]);
  const path = numbered("decoder.layers");
  const { channels, blocks } = config.decoder;
  const soft = g.activation("decoder", "tanh", g.divide("decoder", latent, g.scalar(3)));
  const limited = g.multiply("decoder", soft, g.scalar(3));
  let hidden = g.conv2d(path(), limited, channels[0]!);
  hidden = g.activation(path(), config.activation, hidden);
  for (const [level, width] of channels.entries()) {
    const last = level === channels.length - 1;
    for (let i = 0; i < blocks[level]!; i++) hidden = block(g, path(), hidden, config.activation);
    if (!last) hidden = g.resize(path(), hidden, config.upsampling);
    hidden = g.conv2d(path(), hidden, last ? 3 : width, { bias: last });
  }
  const doubled = g.multiply("decoder", hidden, g.scalar(2));
  return g.build({ sample: g.subtract("decoder", doubled, g.scalar(1)) });
}

/** Three convolutions beside an identity. */
function block(g: GraphBuilder, path: string, x: Value, kind: Activation): Value {
  const width = x.shape[1] as number;
  let hidden = g.conv2d(`${path}.conv.0`, x, width);
  for (const layer of [2, 4]) {
    hidden = g.conv2d(`${path}.conv.${layer}`, g.activation(path, kind, hidden), width);
  }
  return g.activation(path, "relu", g.add(path, hidden, x));
}

/** PyTorch numbers the layers of a sequence, those without weights too. */
function numbered(sequence: string): () => string {
  let next = 0;
  return () => `${sequence}.${next++}`;
}
