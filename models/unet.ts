/**
 * The UNet (Rombach et al. 2022; MobileDiffusion, arXiv 2311.16567), from its configuration to a graph.
 *
 * @module
 */
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { type Context, convolution, resnet, transformer } from "./_blocks.ts";
import type { TransformerConfig, UnetArchitecture } from "./unet_config.ts";

/** Which optional inputs a UNet's graph has. */
export interface UnetGraphOptions {
  /** `encoder_attention_mask` `[rows, tokens]`, 1 where a token counts. @default {false} */
  readonly attentionMask?: boolean;
}

/**
 * Writes a UNet. Inputs: `sample` `[rows, inChannels, height, width]`; `time_features` `[rows, timeFeatures]`, the
 * sinusoids of the timestep (see {@linkcode sinusoids}); `encoder_hidden_states` `[rows, tokens, crossAttentionDim]`;
 * `timestep_cond` `[rows, timeCondProjDim]` where the network is w-conditioned; `added_features` `[rows, added.width]`
 * where it has an added embedding (see {@linkcode addedFeatures}); and the optional ones. Output:
 * `out_sample` `[rows, outChannels, height, width]`.
 *
 * Places: `skip.0` … and `mid`, the skip connections and the middle (ControlNet); `down.0` …, the end of each level of
 * the encoder (T2I-Adapter, plugin). See {@linkcode residualPorts}.
 */
export function unet(config: UnetArchitecture, options: UnetGraphOptions = {}): Graph {
  const g = new GraphBuilder("unet");
  const sample = g.input("sample", "float32", ["rows", config.inChannels, "height", "width"]);
  const time = timeEmbedding(g, config);
  const context = textContext(g, config, options.attentionMask ?? false);
  const { encoded, skips, stem } = encoder(g, config, { sample, time, context });
  const hidden = decoder(g, config, { hidden: encoded, skips, stem, time, context });
  const normed = g.groupNorm("conv_norm_out", hidden, config.normGroups, config.normEpsilon);
  const activated = g.activation("conv_norm_out", config.activation, normed);
  const out = g.conv2d("conv_out", activated, config.outChannels, { kernel: config.convOutKernel });
  return g.build({ out_sample: out });
}

/** The activated time embedding `[rows, timeEmbedding]`. */
export function timeEmbedding(g: GraphBuilder, config: UnetArchitecture): Value {
  let features = g.input("time_features", "float32", ["rows", config.timeFeatures]);
  if (config.timeCondProjDim !== undefined) {
    const condition = g.input("timestep_cond", "float32", ["rows", config.timeCondProjDim]);
    const projected = g.linear("time_embedding.cond_proj", condition, config.timeFeatures, { bias: false });
    features = g.add("time_embedding", features, projected);
  }
  const activated = (x: Value) => g.activation("time_embedding", config.activation, x);
  const linear = (path: string, x: Value) => g.linear(path, x, config.timeEmbedding);
  const time = linear("time_embedding.linear_2", activated(linear("time_embedding.linear_1", features)));
  if (config.added === undefined) return activated(time);
  const told = g.input("added_features", "float32", ["rows", config.added.width]);
  const inner = g.activation("add_embedding", "silu", linear("add_embedding.linear_1", told));
  return activated(g.add("add_embedding", time, linear("add_embedding.linear_2", inner)));
}

/** The text states, with the bias that hides masked tokens. */
export function textContext(g: GraphBuilder, config: UnetArchitecture, masked: boolean): Context {
  const states = g.input("encoder_hidden_states", "float32", ["rows", "tokens", config.crossAttentionDim]);
  if (!masked) return { states };
  const mask = g.input("encoder_attention_mask", "float32", ["rows", "tokens"]);
  const hidden = g.subtract("encoder_attention_mask", g.scalar(1), mask);
  const bias = g.multiply("encoder_attention_mask", hidden, g.scalar(-10000));
  return { states, bias: g.reshape("encoder_attention_mask", bias, [0, 1, 1, -1]) };
}

/** What the encoder works on. */
export interface EncoderInputs {
  readonly sample: Value;
  readonly time: Value;
  readonly context: Context;
  /** Added after the first convolution (ControlNet's condition). */
  readonly stemBias?: Value;
}

/** What the encoder gives: the middle's output, and the skip connections level by level. */
export interface Encoded {
  readonly encoded: Value;
  /** Of each level, one a residual block or one in all, then the downsampled one where skips are one a layer. */
  readonly skips: readonly (readonly Value[])[];
  /** Output of the first convolution, a skip connection too where skips are one a layer. */
  readonly stem: Value;
}

/** The way down and the middle; a ControlNet is this and nothing else. */
export function encoder(
  g: GraphBuilder,
  config: UnetArchitecture,
  { sample, time, context, stemBias }: EncoderInputs,
): Encoded {
  const block = blockWriter(g, config, time, context);
  let count = 0;
  const skip = (value: Value) => g.place(`skip.${count++}`, value);

  const centred = config.centerInput
    ? g.subtract("sample", g.multiply("sample", sample, g.scalar(2)), g.scalar(1))
    : sample;
  let hidden = g.conv2d("conv_in", centred, config.levels[0]!.channels, { kernel: config.convInKernel });
  if (stemBias !== undefined) hidden = g.add("conv_in", hidden, stemBias);
  const stem = config.skips === "layer" ? skip(hidden) : hidden;
  const skips = config.levels.map((level, i) => {
    const path = `down_blocks.${i}`;
    const made: Value[] = [];
    for (let layer = 0; layer < level.layers; layer++) {
      hidden = block(path, layer, hidden, level, level.down[layer]);
      if (layer === level.layers - 1) hidden = g.place(`down.${i}`, hidden);
      if (config.skips === "layer" || layer === level.layers - 1) made.push(skip(hidden));
    }
    if (i < config.levels.length - 1) {
      hidden = convolution(g, `${path}.downsamplers.0.conv`, hidden, level.channels, {
        stride: 2,
        separable: level.separable,
      });
      if (config.skips === "layer") made.push(skip(hidden));
    }
    return made;
  });
  hidden = middle(g, config, hidden, { time, context });
  return { encoded: g.place("mid", hidden), skips, stem };
}

function middle(
  g: GraphBuilder,
  config: UnetArchitecture,
  x: Value,
  { time, context }: { time: Value; context: Context },
): Value {
  if (config.mid === undefined) return x;
  const { kind, layers, transformer: attention, separable } = config.mid;
  const { channels } = config.levels.at(-1)!;
  const residual = (i: number, input: Value) =>
    resnet(g, `mid_block.resnets.${i}`, input, { ...config, channels, separable, time });
  const attend = (i: number, input: Value) =>
    transformer(g, `mid_block.attentions.${i}`, input, context, config, attention);
  let hidden = kind === "sandwich" ? residual(0, x) : x;
  for (let i = 0; i < layers; i++) {
    hidden = kind === "sandwich" ? residual(i + 1, attend(i, hidden)) : attend(i, residual(i, hidden));
  }
  return hidden;
}

function decoder(
  g: GraphBuilder,
  config: UnetArchitecture,
  { hidden, skips, stem, time, context }: {
    hidden: Value;
    skips: Encoded["skips"];
    stem: Value;
    time: Value;
    context: Context;
  },
): Value {
  const block = blockWriter(g, config, time, context);
  const pending = config.skips === "layer" ? [stem, ...skips.flat()] : skips.flat();
  const withSkip = (path: string, x: Value) => g.concat(path, [x, pending.pop()!], 1);
  config.levels.toReversed().forEach((level, i) => {
    const path = `up_blocks.${i}`;
    for (let layer = 0; layer < level.upLayers; layer++) {
      const joined = config.skips === "layer" || layer === 0 ? withSkip(path, hidden) : hidden;
      hidden = block(path, layer, joined, level, level.up[layer]);
    }
    if (level.upLayers === 0) hidden = withSkip(path, hidden);
    if (i < config.levels.length - 1) {
      const upsampled = g.resizeLike(path, hidden, pending.at(-1)!);
      hidden = convolution(g, `${path}.upsamplers.0.conv`, upsampled, level.channels, {
        separable: level.separable,
      });
    }
  });
  return hidden;
}

/** Writes a residual block and its transformer. */
function blockWriter(g: GraphBuilder, config: UnetArchitecture, time: Value, context: Context) {
  return (
    path: string,
    layer: number,
    x: Value,
    { channels, separable }: { channels: number; separable: boolean },
    attention: TransformerConfig | undefined,
  ): Value => {
    const hidden = resnet(g, `${path}.resnets.${layer}`, x, { ...config, channels, separable, time });
    if (attention === undefined) return hidden;
    return transformer(g, `${path}.attentions.${layer}`, hidden, context, config, attention);
  };
}
