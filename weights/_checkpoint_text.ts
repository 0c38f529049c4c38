import { WeightsError } from "../core/errors.ts";
import { checkpointPart, type ConfigJson, count } from "./_checkpoint_part.ts";
import type { TextLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** Where the three kinds of text encoder have what tells their sizes. */
const kinds = [
  {
    kind: "clip",
    prefix: "cond_stage_model.transformer.text_model.",
    token: "embeddings.token_embedding.weight",
    position: "embeddings.position_embedding.weight",
    hidden: (layer: number) => `encoder.layers.${layer}.mlp.fc1.weight`,
  },
  {
    kind: "clip", // as some programs that merge models write it
    prefix: "cond_stage_model.transformer.",
    token: "embeddings.token_embedding.weight",
    position: "embeddings.position_embedding.weight",
    hidden: (layer: number) => `encoder.layers.${layer}.mlp.fc1.weight`,
  },
  {
    kind: "openclip",
    prefix: "cond_stage_model.model.",
    token: "token_embedding.weight",
    position: "positional_embedding",
    hidden: (layer: number) => `transformer.resblocks.${layer}.mlp.c_fc.weight`,
  },
] as const;

/** Whether there is a text encoder. */
export function hasText(weights: Weights): boolean {
  return kinds.some(({ prefix, token }) => weights.info(prefix + token) !== undefined);
}

/** Works out a text encoder from `cond_stage_model.*`. */
export function inferText(weights: Weights): { readonly config: ConfigJson; readonly layout: TextLayout } {
  const found = kinds.find(({ prefix, token }) => weights.info(prefix + token) !== undefined);
  if (found === undefined) {
    const wanted = `"${kinds[0].prefix}*" (1.x) or "${kinds[2].prefix}*" (2.x)`;
    throw new WeightsError(`Cannot open checkpoint: it has no text encoder, expected tensors ${wanted}.`);
  }
  const { kind, prefix, token, position, hidden } = found;
  const { has, shape } = checkpointPart(weights, prefix, "text encoder");
  const [vocabulary, width] = shape(token);
  const stored = count((layer) => has(hidden(layer)));
  const layers = kind === "openclip" ? stored - 1 : stored; // 2.x was trained on the last layer but one
  const config = {
    _class_name: "CLIPTextModel",
    hidden_act: kind === "openclip" ? "gelu" : "quick_gelu",
    hidden_size: width!,
    intermediate_size: shape(hidden(0))[0]!,
    layer_norm_eps: 1e-5,
    max_position_embeddings: shape(position)[0]!,
    num_attention_heads: width! / 64,
    num_hidden_layers: layers,
    vocab_size: vocabulary!,
  };
  return { config, layout: { kind, layers, prefix } };
}
