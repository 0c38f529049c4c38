/** Older and newer spellings of tensors' names, seen as the networks expect them. */
import { renameWeights, type TensorSource } from "../weights/rename.ts";
import type { Weights } from "../weights/weights.ts";

/** A text encoder's token table. */
export const TOKEN_TABLE = "text_model.embeddings.token_embedding.weight";

/** A text encoder's weights; those that transformers 5 saved lack the prefix `text_model.`. */
export function textEncoderWeights(weights: Weights): Weights {
  if (weights.info(TOKEN_TABLE) !== undefined) return weights;
  const names = [...weights.names()].map((name): [string, string] => [
    name.startsWith("text_projection.") ? name : `text_model.${name}`,
    name,
  ]);
  return renameWeights(weights, new Map(names));
}

/** A VAE's weights; old diffusers called the attention's layers otherwise, and some wrote them as 1 × 1 convolutions. */
export function vaeWeights(weights: Weights): Weights {
  const names = [...weights.names()];
  if (!names.some((name) => legacyAttention.test(name))) return weights;
  return renameWeights(weights, new Map(names.map((name) => modernAttention(name))));
}

const legacyAttention = /(?<=\.attentions\.\d+\.)(query|key|value|proj_attn)(?=\.)/;

const modernLayers: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
};

function modernAttention(name: string): [string, TensorSource] {
  const [layer] = name.match(legacyAttention) ?? [];
  if (layer === undefined) return [name, { name }];
  const modern = name.replace(legacyAttention, modernLayers[layer]!);
  return [modern, name.endsWith(".weight") ? { name, as: "matrix" } : { name }];
}
