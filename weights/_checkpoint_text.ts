import type { Json } from "../core/json.ts";
import { WeightsError } from "../core/errors.ts";
import { checkpointPart, count } from "./_checkpoint_part.ts";
import type { TextLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** A text encoder found. */
export interface InferredText {
  readonly config: Json;
  readonly layout: TextLayout;
}

/** Where the two kinds of text encoder have what tells their sizes. */
const tensors = {
  clip: {
    token: "embeddings.token_embedding.weight",
    position: "embeddings.position_embedding.weight",
    hidden: (layer: number) => `encoder.layers.${layer}.mlp.fc1.weight`,
  },
  openclip: {
    token: "token_embedding.weight",
    position: "positional_embedding",
    hidden: (layer: number) => `transformer.resblocks.${layer}.mlp.c_fc.weight`,
  },
} as const;

/** Where Stable Diffusion 1.x and 2.x have theirs. */
const places = [
  { kind: "clip", prefix: "cond_stage_model.transformer.text_model." },
  { kind: "clip", prefix: "cond_stage_model.transformer." }, // as some programs that merge models write it
  { kind: "openclip", prefix: "cond_stage_model.model." },
] as const;

/** Whether there is a text encoder. */
export function hasText(weights: Weights): boolean {
  return places.some((place) => hasTextAt(weights, place));
}

/** Works out a text encoder from `cond_stage_model.*`. */
export function inferText(weights: Weights): InferredText {
  const found = places.find((place) => hasTextAt(weights, place));
  if (found === undefined) {
    const wanted = `"${places[0].prefix}*" (1.x) or "${places[2].prefix}*" (2.x)`;
    throw new WeightsError(`Cannot open checkpoint: it has no text encoder, expected tensors ${wanted}.`);
  }
  // 2.x was trained on the last layer but one, the last is of no use to it
  return inferTextAt(weights, found, { unused: found.kind === "openclip" ? 1 : 0 });
}

/** Whether there is a text encoder of this kind under a prefix. */
export function hasTextAt(weights: Weights, { kind, prefix }: Pick<TextLayout, "kind" | "prefix">): boolean {
  return weights.info(prefix + tensors[kind].token) !== undefined;
}

/** Works out the text encoder under a prefix; `unused` layers at the end are left out. */
export function inferTextAt(
  weights: Weights,
  { kind, prefix }: Pick<TextLayout, "kind" | "prefix">,
  { unused = 0 }: { readonly unused?: number } = {},
): InferredText {
  const { token, position, hidden } = tensors[kind];
  const { has, shape } = checkpointPart(weights, prefix, "text encoder");
  const [vocabulary, width] = shape(token);
  const layers = count((layer) => has(hidden(layer))) - unused;
  const projected = unused === 0 && has("text_projection");
  const config = {
    _class_name: projected ? "CLIPTextModelWithProjection" : "CLIPTextModel",
    hidden_act: kind === "openclip" ? "gelu" : "quick_gelu",
    hidden_size: width!,
    intermediate_size: shape(hidden(0))[0]!,
    layer_norm_eps: 1e-5,
    max_position_embeddings: shape(position)[0]!,
    num_attention_heads: Math.max(1, Math.floor(width! / 64)),
    num_hidden_layers: layers,
    vocab_size: vocabulary!,
    // a vector is taken at the highest id of a row, whatever the vocabulary; the file has it transposed
    ...projected && { eos_token_id: 2, projection_dim: shape("text_projection")[1]! },
  };
  return { config, layout: { kind, layers, prefix } };
}
