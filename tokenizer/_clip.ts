/**
 * CLIP's text pipeline as the object that a `tokenizer.json` would hold, for the folders that have none.
 *
 * Source: the pipeline that Hugging Face transformers builds for `CLIPTokenizer`.
 */
import type { AddedToken, TokenizerJson } from "./_json.ts";

const words = String
  .raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * NFC, white space to single spaces, lower case; words by CLIP's pattern; bytes; pairs with `</w>` at the
 * end.
 */
export function clipPipeline(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  addedTokens: readonly AddedToken[],
  unknown: string,
): TokenizerJson {
  return {
    version: "1.0",
    added_tokens: addedTokens,
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: words }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      type: "BPE",
      unk_token: unknown,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
