/** Texts as rows of tokens for a CLIP text encoder: one a text, or, with weights, as many as a text is long. */
import type { PromptSyntax } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Tokenizer } from "../core/tokenizer.ts";
import { chunkPrompt, padTokens, type WeightedRow } from "../tokenizer/chunk.ts";
import { parsePromptWeights } from "../tokenizer/prompt_weights.ts";

/** One text. */
export interface CutText {
  /** Its rows, one or more. */
  readonly chunks: readonly WeightedRow[];
  /** How many of its tokens had no room. */
  readonly dropped: number;
}

/** Cuts a text into rows; a plain one has a single row. */
export function cutText(text: string, tokenizer: Tokenizer, syntax: PromptSyntax): CutText {
  if (syntax === "weighted") return { chunks: chunkPrompt(parsePromptWeights(text), tokenizer), dropped: 0 };
  const { ids, dropped } = padTokens(tokenizer.tokenize(text), tokenizer);
  return { chunks: [{ ids, weights: ids.map(() => 1) }], dropped };
}

/** The rows of all texts, text by text, each filled up with empty rows to `chunks`. */
export function clipRows(texts: readonly CutText[], tokenizer: Tokenizer, chunks: number): WeightedRow[] {
  const empty = chunkPrompt([[]], tokenizer)[0]!;
  return texts.flatMap((text) => Array.from({ length: chunks }, (_, i) => text.chunks[i] ?? empty));
}

/** Number of rows of the longest text. */
export function longest(texts: readonly CutText[]): number {
  return Math.max(...texts.map(({ chunks }) => chunks.length));
}

/** The states of rows as those of texts: `[texts · chunks, tokens, width]` to `[texts, chunks · tokens, width]`. */
export function joinRows(states: Tensor, rows: readonly WeightedRow[], chunks: number): Tensor {
  const { data, shape: [count, tokens, width] } = weigh(states, rows) as {
    data: Float32Array;
    shape: readonly [number, number, number];
  };
  return { data, shape: [count / chunks, chunks * tokens, width] };
}

/**
 * Scales each token's state by its weight and brings the row's mean back to what it was, as A1111's web UI does.
 *
 * @param hidden `[rows, tokens, width]`.
 */
export function weigh(hidden: Tensor, rows: readonly WeightedRow[]): Tensor {
  const [, tokens, width] = hidden.shape as [number, number, number];
  const data = Float32Array.from(hidden.data);
  for (const [index, { weights }] of rows.entries()) {
    if (weights.every((weight) => weight === 1)) continue;
    const row = data.subarray(index * tokens * width, (index + 1) * tokens * width);
    const before = sum(row);
    row.forEach((value, i) => row[i] = value * weights[Math.floor(i / width)]!);
    const restore = before / sum(row);
    row.forEach((value, i) => row[i] = value * restore);
  }
  return { data, shape: hidden.shape };
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What is said of texts that were cut short. */
export function tooLong(texts: readonly CutText[], { maxLength }: Tokenizer): string | undefined {
  const dropped = Math.max(...texts.map((text) => text.dropped));
  return dropped === 0
    ? undefined
    : `The prompt is too long: ${dropped} tokens after the first ${maxLength - 2} were left out.`;
}
