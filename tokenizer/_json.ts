/** The part of the `tokenizer.json` format that is read here; the packages read the rest. */

/** One step of a pipeline: its kind and that kind's settings. */
export interface Step {
  readonly type: string;
  readonly [setting: string]: unknown;
}

/** A token that is cut out of the text before everything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Recognised in the raw text (false) or in the normalised text (true). */
  readonly normalized: boolean;
  readonly special: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** A `tokenizer.json`. */
export interface TokenizerJson {
  readonly version: string;
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  readonly post_processor: Step | null;
  readonly decoder: Step | null;
  readonly model: Step & { readonly vocab: Readonly<Record<string, number>> };
}
