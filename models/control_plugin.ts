/**
 * The control plugin of MobileDiffusion (Zhao et al. 2023, arXiv 2311.16567): a network far smaller than
 * a ControlNet that sees the condition picture only. Its features, computed once a picture, are added at the end of
 * each level of the UNet's encoder. The paper leaves the layers open; ours are these, in PyTorch's terms:
 *
 * ```
 * stem          pixel_unshuffle(pixels, downscale_factor)                       [c·f², h/f, w/f]
 * conv_in       Conv2d(c·f², channels[0], 3, padding=1)
 * levels.<i>
 *   conv_in     Conv2d(channels[i−1], channels[i], 1), for i > 0 only, after avg_pool2d(x, 2, ceil_mode=True)
 *   blocks.<j>  x + project(silu(depthwise(silu(expand(x)))))
 *     expand      Conv2d(C, e·C, 1)
 *     depthwise   Conv2d(e·C, e·C, 3, padding=1, groups=e·C)
 *     project     Conv2d(e·C, C, 1)
 *   conv_out    Conv2d(C, C, 1), zero at the start of training: the level's residual
 * ```
 *
 * Each convolution has a bias; its tensors are `<path>.weight` and `<path>.bias`. There are no normalisations: edge
 * pictures are empty almost everywhere. With `channels` 80 and 144, two blocks a level and e = 2 on one channel of
 * edges it has 312 576 parameters.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { LAYERS, levelsOf, number, numbers, WIDTH } from "./_json.ts";

/** What a plugin's `config.json` says; its `_class_name` is `ControlPlugin`. */
export interface ControlPluginConfig {
  /** `conditioning_channels`: channels of the condition picture. */
  readonly inChannels: number;
  /** `channels`: those of the UNet's levels, highest resolution first. */
  readonly channels: readonly number[];
  /** `layers_per_block`: blocks a level. */
  readonly layers: number;
  /** `expansion`: width of the blocks over the level's. */
  readonly expansion: number;
  /** `downscale_factor`: picture pixels per pixel of the first level. */
  readonly downscale: number;
}

/**
 * Reads a plugin's `config.json`.
 *
 * @throws {TypeError} If a field is missing or has a value of the wrong kind.
 */
export function readControlPluginConfig(config: Json): ControlPluginConfig {
  return {
    inChannels: number(config, "conditioning_channels", WIDTH, 1),
    channels: numbers(config, "channels", WIDTH, levelsOf(config, "channels", 1)),
    layers: number(config, "layers_per_block", LAYERS, 2),
    expansion: number(config, "expansion", { least: 1, most: 64, whole: true }, 2),
    downscale: number(config, "downscale_factor", { least: 1, most: 64, whole: true }, 8),
  };
}

/**
 * Writes a plugin. Inputs: `pixels` `[rows, inChannels, height, width]` in 0 … 1, sides being multiples of
 * `downscale`; `scale` `[1]`, by which the features are multiplied. Outputs: `down.0` … at 1 / downscale of the
 * picture, each at half the size of the one before, rounded up.
 */
export function controlPlugin(config: ControlPluginConfig): Graph {
  const g = new GraphBuilder("control_plugin");
  const pixels = g.input("pixels", "float32", ["rows", config.inChannels, "height", "width"]);
  const scale = g.input("scale", "float32", [1]);
  let hidden = g.conv2d("conv_in", g.spaceToDepth("stem", pixels, config.downscale), config.channels[0]!);
  const outputs = config.channels.map((width, i) => {
    const path = `levels.${i}`;
    if (i > 0) {
      const pooled = g.averagePool(path, hidden, 2, { ceil: true });
      hidden = g.conv2d(`${path}.conv_in`, pooled, width, { kernel: 1 });
    }
    for (let j = 0; j < config.layers; j++) {
      hidden = block(g, `${path}.blocks.${j}`, hidden, config.expansion);
    }
    const residual = g.conv2d(`${path}.conv_out`, hidden, width, { kernel: 1 });
    return [`down.${i}`, g.multiply(path, residual, scale)] as const;
  });
  return g.build(Object.fromEntries(outputs));
}

/** An inverted residual (Sandler et al. 2018, "MobileNetV2", section 3.3). */
function block(g: GraphBuilder, path: string, x: Value, expansion: number): Value {
  const width = x.shape[1] as number;
  const silu = (value: Value) => g.activation(path, "silu", value);
  const expanded = silu(g.conv2d(`${path}.expand`, x, expansion * width, { kernel: 1 }));
  const mixed = silu(
    g.conv2d(`${path}.depthwise`, expanded, expansion * width, { groups: expansion * width }),
  );
  return g.add(path, g.conv2d(`${path}.project`, mixed, width, { kernel: 1 }), x);
}
