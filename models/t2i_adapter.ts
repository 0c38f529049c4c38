/**
 * T2I-Adapter (Mou et al. 2023): a small network whose features of a condition picture, computed once, are added at
 * the end of each level of a UNet's encoder.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { LAYERS, levelsOf, number, numbers, WIDTH } from "./_json.ts";

/** What a T2I-Adapter's `config.json` says. */
export interface T2IAdapterConfig {
  /** Full, or light: bottlenecks of a quarter of the channels, and one feature more than the UNet has levels. */
  readonly kind: "full" | "light";
  /** Channels of the condition picture. */
  readonly inChannels: number;
  /** Channels of each level, highest resolution first. */
  readonly channels: readonly number[];
  /** Residual blocks a level. */
  readonly layers: number;
  /** Picture pixels per pixel of the first level. */
  readonly downscale: number;
}

/**
 * Reads a T2I-Adapter's `config.json`.
 *
 * @throws {UnsupportedModelError} If it is for another family of models.
 * @throws {TypeError} If a field has a value of the wrong kind.
 */
export function readT2IAdapterConfig(config: Json): T2IAdapterConfig {
  const type = config.adapter_type ?? "full_adapter";
  if (type !== "full_adapter" && type !== "light_adapter") {
    throw new UnsupportedModelError(
      `Cannot read the T2I-Adapter: "adapter_type" is ${
        JSON.stringify(type)
      }, expected full_adapter or light_adapter.`,
    );
  }
  const widths = [320, 640, 1280, 1280];
  return {
    kind: type === "full_adapter" ? "full" : "light",
    inChannels: number(config, "in_channels", WIDTH, 3),
    channels: numbers(
      config,
      "channels",
      WIDTH,
      levelsOf(config, "channels", typeof config.channels === "number" ? 1 : widths.length),
      widths,
    ),
    layers: number(config, "num_res_blocks", LAYERS, 2),
    downscale: number(config, "downscale_factor", { least: 1, most: 64, whole: true }, 8),
  };
}

/**
 * Writes a T2I-Adapter. Inputs: `pixels` `[rows, inChannels, height, width]` in 0 … 1, sides being multiples of
 * `downscale`; `scale` `[1]`, by which the features are multiplied. Outputs: `down.0` … at 1 / downscale of the
 * picture, each at half the size of the one before, rounded up; of a light adapter also `mid`, half the last one.
 */
export function t2iAdapter(config: T2IAdapterConfig): Graph {
  const g = new GraphBuilder("t2i_adapter");
  const pixels = g.input("pixels", "float32", ["rows", config.inChannels, "height", "width"]);
  const scale = g.input("scale", "float32", [1]);
  const shuffled = g.spaceToDepth("adapter.unshuffle", pixels, config.downscale);
  const features = config.kind === "full" ? full(g, config, shuffled) : light(g, config, shuffled);
  const outputs = features.map((feature, i) => {
    const name = i < config.channels.length ? `down.${i}` : "mid";
    return [name, g.multiply("adapter", feature, scale)] as const;
  });
  return g.build(Object.fromEntries(outputs));
}

function full(g: GraphBuilder, { channels, layers }: T2IAdapterConfig, x: Value): Value[] {
  let hidden = g.conv2d("adapter.conv_in", x, channels[0]!);
  return channels.map((width, i) => {
    const path = `adapter.body.${i}`;
    if (i > 0) hidden = g.averagePool(path, hidden, 2, { ceil: true });
    if (hidden.shape[1] !== width) hidden = g.conv2d(`${path}.in_conv`, hidden, width, { kernel: 1 });
    return hidden = residuals(g, path, hidden, { layers, kernel: 1 });
  });
}

function light(g: GraphBuilder, { channels, layers }: T2IAdapterConfig, x: Value): Value[] {
  let hidden = x;
  return [...channels, channels.at(-1)!].map((width, i) => {
    const path = `adapter.body.${i}`;
    if (i > 0) hidden = g.averagePool(path, hidden, 2, { ceil: true });
    const narrow = g.conv2d(`${path}.in_conv`, hidden, Math.floor(width / 4), { kernel: 1 });
    const refined = residuals(g, path, narrow, { layers, kernel: 3 });
    return hidden = g.conv2d(`${path}.out_conv`, refined, width, { kernel: 1 });
  });
}

/** `x + block2(relu(block1(x)))`, `layers` times; `kernel` is that of the second convolution. */
function residuals(
  g: GraphBuilder,
  path: string,
  x: Value,
  { layers, kernel }: { layers: number; kernel: number },
): Value {
  let hidden = x;
  for (let i = 0; i < layers; i++) {
    const block = `${path}.resnets.${i}`;
    const width = hidden.shape[1] as number;
    const inner = g.activation(block, "relu", g.conv2d(`${block}.block1`, hidden, width));
    hidden = g.add(block, g.conv2d(`${block}.block2`, inner, width, { kernel }), hidden);
  }
  return hidden;
}
