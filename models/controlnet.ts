/**
 * ControlNet (Zhang et al. 2023, "Adding Conditional Control to Text-to-Image Diffusion Models"): a copy of a UNet's
 * encoder that sees a condition picture and gives residuals for the UNet's skip connections.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { boolean, levelsOf, number, numbers, WIDTH, word, words } from "./_json.ts";
import { encoder, textContext, timeEmbedding } from "./unet.ts";
import { readUnetConfig, type UnetArchitecture } from "./unet_config.ts";

/** What a ControlNet's `config.json` says. */
export interface ControlNetConfig {
  /** The encoder that it copies; its way up is not used. */
  readonly encoder: UnetArchitecture;
  /** Channels of the condition picture. */
  readonly conditionChannels: number;
  /** Channels of the condition's convolutions; all but the last are followed by one that halves the resolution. */
  readonly embeddingChannels: readonly number[];
  /** Order of the picture's colours. */
  readonly channelOrder: "rgb" | "bgr";
}

/**
 * Reads a ControlNet's `config.json`.
 *
 * @throws {UnsupportedModelError} If it asks for something that this family of networks does not have.
 * @throws {TypeError} If a field has a value of the wrong kind.
 */
export function readControlNetConfig(config: Json): ControlNetConfig {
  if (boolean(config, "global_pool_conditions", false)) {
    throw new UnsupportedModelError(
      `Cannot read the ControlNet: "global_pool_conditions" is true, expected one whose residuals are pictures.`,
    );
  }
  const up = words(config, "down_block_types").map((type) => type.replace("Down", "Up")).reverse();
  const embedding = "conditioning_embedding_out_channels";
  const widths = [16, 32, 96, 256];
  return {
    encoder: readUnetConfig({ ...config, up_block_types: up }),
    conditionChannels: number(config, "conditioning_channels", WIDTH, 3),
    embeddingChannels: numbers(config, embedding, WIDTH, levelsOf(config, embedding, widths.length), widths),
    channelOrder: word(config, "controlnet_conditioning_channel_order", ["rgb", "bgr"], "rgb"),
  };
}

/**
 * Writes the part that reads the picture, which is the same at every step. Input: `pixels`
 * `[rows, conditionChannels, height, width]` in 0 … 1. Output: `condition` `[rows, channels, height / 8, width / 8]`
 * (8 for the usual four levels of {@linkcode ControlNetConfig.embeddingChannels}).
 */
export function controlNetCondition(config: ControlNetConfig): Graph {
  const g = new GraphBuilder("controlnet_condition");
  const path = "controlnet_cond_embedding";
  const pixels = g.input("pixels", "float32", ["rows", config.conditionChannels, "height", "width"]);
  const [first, ...others] = config.embeddingChannels as readonly [number, ...number[]];
  const silu = (x: Value) => g.activation(path, "silu", x);
  let hidden = silu(g.conv2d(`${path}.conv_in`, ordered(g, pixels, config), first));
  others.forEach((channels, i) => {
    hidden = silu(g.conv2d(`${path}.blocks.${2 * i}`, hidden, hidden.shape[1] as number));
    hidden = silu(g.conv2d(`${path}.blocks.${2 * i + 1}`, hidden, channels, { stride: 2 }));
  });
  return g.build({ condition: g.conv2d(`${path}.conv_out`, hidden, config.encoder.levels[0]!.channels) });
}

/**
 * Writes the part that runs at every step. Inputs: those of the UNet's encoder (`sample`, `time_features`,
 * `encoder_hidden_states`, `added_features` where it has an added embedding, see {@linkcode unet}); `condition` `[1 or rows, channels, height, width]`; `scales`
 * `[rows, n + 1]`, what each row's residuals are multiplied by. Outputs: `skip.0` … `skip.<n − 1>` and `mid`.
 */
export function controlNet(config: ControlNetConfig): Graph {
  const g = new GraphBuilder("controlnet");
  const { encoder: architecture } = config;
  const sample = g.input("sample", "float32", ["rows", architecture.inChannels, "height", "width"]);
  const channels = architecture.levels[0]!.channels;
  const stemBias = g.input("condition", "float32", ["condition_rows", channels, "height", "width"]);
  const time = timeEmbedding(g, architecture);
  const context = textContext(g, architecture, false);
  const { encoded, skips, stem } = encoder(g, architecture, { sample, time, context, stemBias });
  const places = architecture.skips === "layer" ? [stem, ...skips.flat()] : skips.flat();
  const all = g.input("scales", "float32", ["rows", places.length + 1]);
  const scales = g.split("scales", all, places.length + 1);
  const residual = (path: string, x: Value, i: number) => {
    const projected = g.conv2d(path, x, x.shape[1] as number, { kernel: 1 });
    return g.multiply(path, projected, g.reshape(path, scales[i]!, [0, 1, 1, 1]));
  };
  const outputs = places.map((place, i) =>
    [`skip.${i}`, residual(`controlnet_down_blocks.${i}`, place, i)] as const
  );
  const mid = residual("controlnet_mid_block", encoded, places.length);
  return g.build({ ...Object.fromEntries(outputs), mid });
}

/**
 * What the residuals are multiplied by, the shallowest first, `mid` last: `scale` for all, or in guess mode from
 * a tenth of it to all of it, in equal ratios.
 *
 * @param count Number of residuals, with `mid`.
 */
export function controlNetScales(count: number, scale: number, guessMode: boolean): number[] {
  if (!guessMode) return Array(count).fill(scale);
  return Array.from({ length: count }, (_, i) => scale * 10 ** (i / (count - 1) - 1));
}

function ordered(
  g: GraphBuilder,
  pixels: Value,
  { channelOrder, conditionChannels }: ControlNetConfig,
): Value {
  if (channelOrder === "rgb") return pixels;
  const channels = Array.from(
    { length: conditionChannels },
    (_, i) => g.slice("pixels", pixels, 1, i, i + 1),
  );
  return g.concat("pixels", channels.reverse(), 1);
}
