/** Newer spellings of tensors' names, seen as the networks expect them. */
import { renameWeights } from "../weights/rename.ts";
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
