/**
 * From token ids to the rows that a text encoder takes.
 *
 * @module
 */
import type { Tokenizer } from "../core/tokenizer.ts";
import type { PromptFragment } from "./prompt_weights.ts";

/** What a row needs of a tokenizer. */
export type RowLayout = Pick<Tokenizer, "maxLength" | "startId" | "endId" | "padId">;

/** One row for a text encoder. */
export interface TokenRow {
  /** `maxLength` ids: start, text, end, padding. */
  readonly ids: readonly number[];
  /** How many tokens of the text had no room. */
  readonly dropped: number;
}

/** One row for a text encoder, with the factor for each embedding that comes out. */
export interface WeightedRow {
  /** `maxLength` ids: start, text, end, padding. */
  readonly ids: readonly number[];
  /** `maxLength` factors; 1 on start, end and padding. */
  readonly weights: readonly number[];
}

/** How a long prompt is divided. */
export interface ChunkOptions {
  /**
   * A full row ends after its last comma, if fewer tokens than this follow it there; 0 divides anywhere. In
   * tokens.
   *
   * @default {20}
   */
  readonly commaReach?: number;
}

/**
 * A text's ids as one row. What is too long is cut off at the end, as diffusers does.
 *
 * @example
 * ```ts ignore
 * const { ids, dropped } = padTokens(tokenizer.tokenize("a cat"), tokenizer);
 * // ids: [49406, 320, 2368, 49407, 49407, …], 77 of them; dropped: 0
 * ```
 */
export function padTokens(ids: readonly number[], tokenizer: RowLayout): TokenRow {
  const room = tokenizer.maxLength - 2;
  return { ids: row(ids.slice(0, room), tokenizer), dropped: Math.max(0, ids.length - room) };
}

/**
 * A prompt of any length as rows, to be encoded one by one and joined along the tokens. Each row holds up to
 * 75 tokens of the text (`maxLength − 2`) and has its own start and end. A section begins a new row; an empty
 * last one gives none, unless there would be no row at all.
 *
 * Source: the chunking of AUTOMATIC1111's web UI.
 *
 * @example
 * ```ts ignore
 * const rows = chunkPrompt(parsePromptWeights("a (red:1.5) house BREAK fog"), tokenizer);
 * rows.length; // 2
 * ```
 */
export function chunkPrompt(
  sections: readonly (readonly PromptFragment[])[],
  tokenizer: Tokenizer,
  { commaReach = 20 }: ChunkOptions = {},
): WeightedRow[] {
  const commas = new Set(tokenizer.tokenize(","));
  const rows = sections.flatMap((fragments) => {
    const tokens = fragments.flatMap(({ text, weight }) =>
      tokenizer.tokenize(text).map((id) => ({ id, weight }))
    );
    return divide(tokens, tokenizer.maxLength - 2, (token) => commas.has(token.id), commaReach);
  });
  if (rows.length > 1 && rows.at(-1)!.length === 0) rows.pop(); // after a BREAK at the very end
  return rows.map((tokens) => ({
    ids: row(tokens.map(({ id }) => id), tokenizer),
    weights: Array.from({ length: tokenizer.maxLength }, (_, i) => tokens[i - 1]?.weight ?? 1),
  }));
}

/**
 * Parts of at most `room`; a word that would be cut off from its comma takes what follows the last one along.
 */
function divide<T>(tokens: readonly T[], room: number, isComma: (token: T) => boolean, reach: number): T[][] {
  const parts: T[][] = [];
  let begin = 0;
  do {
    let end = Math.min(begin + room, tokens.length);
    if (end < tokens.length && !isComma(tokens[end]!)) {
      const comma = tokens.slice(begin, end).findLastIndex(isComma) + 1;
      if (comma > 0 && end - begin - comma < reach) end = begin + comma;
    }
    parts.push(tokens.slice(begin, end));
    begin = end;
  } while (begin < tokens.length);
  return parts;
}

function row(ids: readonly number[], { startId, endId, padId, maxLength }: RowLayout): number[] {
  const filled = [startId, ...ids, endId];
  return [...filled, ...new Array<number>(maxLength - filled.length).fill(padId)];
}
