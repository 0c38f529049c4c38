/**
 * The tokenizer contract.
 *
 * @module
 */

/** Splits text into the ids that a text encoder was trained on. */
export interface Tokenizer {
  /** Longest row that the text encoder takes, start and end included (77 for CLIP). */
  readonly maxLength: number;
  /** Id that begins every row. */
  readonly startId: number;
  /** Id that ends the text. */
  readonly endId: number;
  /** Id that fills a row up to `maxLength`. */
  readonly padId: number;
  /** Ids of the text alone: no start, no end, no padding, no truncation. */
  tokenize(text: string): number[];
  /** The token that an id stands for, or `undefined`. */
  token(id: number): string | undefined;
}
