/**
 * The CLIP text encoder (Radford et al. 2021), as Stable Diffusion 1.x, 2.x and XL use it.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Activation, Graph, Value } from "../graph/graph.ts";
import { number, word } from "./_json.ts";

/** What a text encoder's `config.json` says. */
export interface ClipTextConfig {
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Width of the feed-forward layers. */
  readonly intermediateSize: number;
  /** Transformer layers. */
  readonly layers: number;
  /** Attention heads. */
  readonly heads: number;
  /** Longest row of tokens. */
  readonly maxPositions: number;
  /** Entries of the token table. */
  readonly vocabSize: number;
  /** Epsilon of the layer normalisations. */
  readonly normEpsilon: number;
  /** Non-linearity of the feed-forward layers. */
  readonly activation: Activation;
  /** Id of the token that ends the text. */
  readonly endId: number;
  /** Width of the projected text, for graphs with {@linkcode ClipTextGraphOptions.projection}. */
  readonly projectionSize: number;
}

/**
 * Reads a text encoder's `config.json`.
 *
 * @throws {UnsupportedModelError} If it is not a CLIP text encoder.
 * @throws {TypeError} If a field is missing or has a value of the wrong kind.
 */
export function readClipTextConfig(config: Json): ClipTextConfig {
  const { model_type: type = "clip_text_model" } = config;
  if (type !== "clip_text_model") {
    throw new UnsupportedModelError(
      `Cannot read the text encoder: its "model_type" is ${
        JSON.stringify(type)
      }, expected "clip_text_model".`,
    );
  }
  const hiddenAct = word(config, "hidden_act", ["quick_gelu", "gelu"], "quick_gelu");
  return {
    hiddenSize: number(config, "hidden_size"),
    intermediateSize: number(config, "intermediate_size"),
    layers: number(config, "num_hidden_layers"),
    heads: number(config, "num_attention_heads"),
    maxPositions: number(config, "max_position_embeddings", 77),
    vocabSize: number(config, "vocab_size", 49408),
    normEpsilon: number(config, "layer_norm_eps", 1e-5),
    activation: hiddenAct === "gelu" ? "gelu" : "quickGelu",
    endId: number(config, "eos_token_id", 49407),
    projectionSize: number(config, "projection_dim", 512),
  };
}

/** Options of {@linkcode clipText}. */
export interface ClipTextGraphOptions {
  /** How many of the last layers to leave out of the states. @default {0} */
  readonly clipSkip?: number;
  /**
   * Whether the states are normalised after the last layer that counts. Stable Diffusion XL takes those of the last
   * layer but one (`clipSkip: 1`) as they leave it.
   * @default {true}
   */
  readonly finalNorm?: boolean;
  /** Adds the input `end_positions` and the output `text_embeds`. @default {false} */
  readonly projection?: boolean;
}

/**
 * Writes a text encoder. Inputs: `input_ids` int64 `[rows, tokens]`, `position_ids` int64 `[tokens]`. Output:
 * `last_hidden_state` `[rows, tokens, hiddenSize]`, of the last layer that counts.
 *
 * With `projection` also: input `end_positions` int64 `[rows]` (see {@linkcode endPositions}), output `text_embeds`
 * `[rows, projectionSize]`, each text as one vector: of the normalised states of all layers, whatever was skipped.
 */
export function clipText(config: ClipTextConfig, options: ClipTextGraphOptions = {}): Graph {
  const { clipSkip = 0, finalNorm = true, projection = false } = options;
  if (!Number.isInteger(clipSkip) || clipSkip < 0 || clipSkip >= config.layers) {
    throw new RangeError(
      `Cannot skip ${clipSkip} of the text encoder's ${config.layers} layers: expected 0 to ${
        config.layers - 1
      }.`,
    );
  }
  const g = new GraphBuilder("text_encoder");
  const embed = (name: string, entries: number, ids: Value) => {
    const table = g.weight(`text_model.embeddings.${name}.weight`, [entries, config.hiddenSize]);
    return g.gather(`text_model.embeddings.${name}`, table, ids);
  };
  const ids = g.input("input_ids", "int64", ["rows", "tokens"]);
  const positions = g.input("position_ids", "int64", ["tokens"]);
  let hidden = g.add(
    "text_model.embeddings",
    embed("token_embedding", config.vocabSize, ids),
    embed("position_embedding", config.maxPositions, positions),
  );
  const taken = config.layers - clipSkip;
  const normed = (x: Value) => g.layerNorm("text_model.final_layer_norm", x, config.normEpsilon);
  let states = hidden;
  for (let i = 0; i < (projection ? config.layers : taken); i++) {
    hidden = layer(g, `text_model.encoder.layers.${i}`, hidden, config);
    if (i === taken - 1) states = finalNorm ? normed(hidden) : hidden;
  }
  if (!projection) return g.build({ last_hidden_state: states });
  const last = finalNorm && clipSkip === 0 ? states : normed(hidden);
  const ends = g.input("end_positions", "int64", ["rows"]);
  const pooled = g.gather(
    "text_projection",
    g.reshape("text_projection", last, [-1, config.hiddenSize]),
    ends,
  );
  const embeds = g.linear("text_projection", pooled, config.projectionSize, { bias: false });
  return g.build({ last_hidden_state: states, text_embeds: embeds });
}

/**
 * Where each text ends, in the rows joined to one: of `input_ids` `[rows, tokens]`, the index of the first end token.
 * Old files give 2 as its id, which is wrong; as transformers does, the highest id of the row is then taken for it.
 */
export function endPositions(ids: Tensor<BigInt64Array>, { endId }: ClipTextConfig): Tensor<BigInt64Array> {
  const [rows, tokens] = ids.shape as [number, number];
  const data = BigInt64Array.from({ length: rows }, (_, row) => {
    const own = ids.data.subarray(row * tokens, (row + 1) * tokens);
    const end = endId === 2 ? own.reduce((a, b) => a > b ? a : b) : BigInt(endId);
    return BigInt(row * tokens + Math.max(own.indexOf(end), 0));
  });
  return { data, shape: [rows] };
}

function layer(g: GraphBuilder, path: string, x: Value, config: ClipTextConfig): Value {
  const { hiddenSize, intermediateSize, heads, normEpsilon, activation } = config;
  const normed = g.layerNorm(`${path}.layer_norm1`, x, normEpsilon);
  const [query, key, value] = ["q_proj", "k_proj", "v_proj"].map((name) =>
    g.linear(`${path}.self_attn.${name}`, normed, hiddenSize)
  ) as [Value, Value, Value];
  const mixed = g.attention(`${path}.self_attn`, query, key, value, { heads, causal: true });
  const attended = g.add(path, x, g.linear(`${path}.self_attn.out_proj`, mixed, hiddenSize));
  const inner = g.linear(
    `${path}.mlp.fc1`,
    g.layerNorm(`${path}.layer_norm2`, attended, normEpsilon),
    intermediateSize,
  );
  return g.add(
    path,
    attended,
    g.linear(`${path}.mlp.fc2`, g.activation(`${path}.mlp`, activation, inner), hiddenSize),
  );
}
