/** The blocks that the networks share: residual blocks, transformers, samplers of resolution. */
import type { GraphBuilder } from "../graph/builder.ts";
import type { Activation, Value } from "../graph/graph.ts";
import type { BlockConfig, TransformerConfig } from "./unet_config.ts";

/** What a residual block needs to know. */
export interface ResnetOptions {
  readonly channels: number;
  readonly normGroups: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly separable?: boolean;
  /** Activated time embedding `[rows, width]`, added between the convolutions. */
  readonly time?: Value;
}

/** A 3 × 3 convolution, full or separable (depthwise, then pointwise). */
export function convolution(
  g: GraphBuilder,
  path: string,
  x: Value,
  channels: number,
  { separable = false, stride = 1 }: { separable?: boolean; stride?: number } = {},
): Value {
  if (!separable) return g.conv2d(path, x, channels, { stride });
  const inChannels = x.shape[1] as number;
  const depthwise = g.conv2d(`${path}.depthwise`, x, inChannels, { stride, groups: inChannels, bias: false });
  return g.conv2d(`${path}.pointwise`, depthwise, channels, { kernel: 1 });
}

/** Norm, activation, convolution, twice, beside an identity or 1 × 1 shortcut. */
export function resnet(g: GraphBuilder, path: string, x: Value, options: ResnetOptions): Value {
  const { channels, normGroups, normEpsilon, activation, separable = false, time } = options;
  const half = (index: 1 | 2, input: Value) => {
    const normed = g.groupNorm(`${path}.norm${index}`, input, normGroups, normEpsilon);
    return convolution(g, `${path}.conv${index}`, g.activation(path, activation, normed), channels, {
      separable,
    });
  };
  let hidden = half(1, x);
  if (time !== undefined) {
    const shift = g.linear(`${path}.time_emb_proj`, time, channels);
    hidden = g.add(path, hidden, g.reshape(path, shift, [0, channels, 1, 1]));
  }
  hidden = half(2, hidden);
  const shortcut = x.shape[1] === channels
    ? x
    : g.conv2d(`${path}.conv_shortcut`, x, channels, { kernel: 1 });
  return g.add(path, shortcut, hidden);
}

/** `[rows, channels, height, width]` to `[rows, height·width, channels]`. */
export function toTokens(g: GraphBuilder, path: string, x: Value): Value {
  const channels = x.shape[1] as number;
  return g.transpose(path, g.reshape(path, x, [0, channels, -1]), [0, 2, 1]);
}

/** The inverse of {@linkcode toTokens}, back to the shape of `like`. */
export function fromTokens(g: GraphBuilder, path: string, tokens: Value, like: Value): Value {
  return g.reshapeLike(path, g.transpose(path, tokens, [0, 2, 1]), like);
}

/** What the transformers attend to beside the picture. */
export interface Context {
  /** Text states `[rows, tokens, width]`. */
  readonly states: Value;
  /** Added to the cross-attention scores, `[rows, 1, 1, tokens]`. */
  readonly bias?: Value;
}

/** A transformer over the pixels, each attending to the text and, where configured, to all pixels. */
export function transformer(
  g: GraphBuilder,
  path: string,
  x: Value,
  context: Context,
  config: BlockConfig,
  { depth, heads, selfAttention }: TransformerConfig,
): Value {
  const channels = x.shape[1] as number;
  const stored = config.linearProjection ? [channels, channels] : [channels, channels, 1, 1];
  const tokens = toTokens(g, path, g.groupNorm(`${path}.norm`, x, config.normGroups, 1e-6));
  let hidden = g.linear(`${path}.proj_in`, tokens, channels, { stored });
  for (let i = 0; i < depth; i++) {
    const block = `${path}.transformer_blocks.${i}`;
    const residual = (norm: string, branch: (normed: Value) => Value) => {
      hidden = g.add(block, branch(g.layerNorm(`${block}.${norm}`, hidden, 1e-5)), hidden);
    };
    if (selfAttention) {
      residual("norm1", (normed) => attention(g, `${block}.attn1`, normed, normed, heads, config));
    }
    residual(
      "norm2",
      (normed) => attention(g, `${block}.attn2`, normed, context.states, heads, config, context.bias),
    );
    residual("norm3", (normed) => feedForward(g, `${block}.ff`, normed, config));
  }
  return g.add(path, fromTokens(g, path, g.linear(`${path}.proj_out`, hidden, channels, { stored }), x), x);
}

function attention(
  g: GraphBuilder,
  path: string,
  x: Value,
  states: Value,
  heads: number,
  config: BlockConfig,
  bias?: Value,
): Value {
  const width = x.shape.at(-1) as number;
  const project = (name: string, from: Value) => g.linear(`${path}.${name}`, from, width, { bias: false });
  const query = project("to_q", x);
  const key = project(config.sharedKeyValue ? "to_kv" : "to_k", states);
  const value = config.sharedKeyValue ? key : project("to_v", states);
  const mixed = g.attention(path, query, key, value, {
    heads,
    activation: config.attentionActivation,
    lengthNorm: config.attentionLengthNorm,
    ...bias !== undefined && { bias },
  });
  return g.linear(`${path}.to_out.0`, mixed, width);
}

/** Shazeer 2020, "GLU Variants Improve Transformer": value · gate(x). */
function feedForward(g: GraphBuilder, path: string, x: Value, config: BlockConfig): Value {
  const width = x.shape.at(-1) as number;
  const inner = width * config.feedForwardMultiplier;
  const [value, gate] = g.split(path, g.linear(`${path}.net.0.proj`, x, 2 * inner), 2) as [Value, Value];
  const gated = g.multiply(
    path,
    value,
    g.activation(path, config.feedForward === "geglu" ? "gelu" : "silu", gate),
  );
  return g.linear(`${path}.net.2`, gated, width);
}
