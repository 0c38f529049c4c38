/**
 * What a tokenizer is made from.
 *
 * @module
 */

/**
 * The text of the files in a `tokenizer/` folder, by file name.
 *
 * Needed: `tokenizer.json`, or `vocab.json` and `merges.txt`. The others name the padding token and the
 * length of a row; without them padding is the end token and a row has 77 ids, as in CLIP.
 */
export type TokenizerFiles = Readonly<
  Partial<
    Record<
      | "tokenizer.json"
      | "vocab.json"
      | "merges.txt"
      | "tokenizer_config.json"
      | "special_tokens_map.json"
      | "added_tokens.json",
      string
    >
  >
>;

/** Settings of a tokenizer. */
export interface TokenizerOptions {
  /**
   * New words, such as those of textual inversion. They get the ids after the last one, in this order.
   *
   * @default {[]}
   */
  readonly addedTokens?: readonly string[];
}
