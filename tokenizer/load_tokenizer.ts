/**
 * The tokenizer that runs everywhere: `@huggingface/tokenizers`, pure JavaScript.
 *
 * @module
 */
import { Tokenizer as JavaScriptTokenizer } from "@huggingface/tokenizers";
import type { Tokenizer } from "../core/tokenizer.ts";
import { readDefinition } from "./_definition.ts";
import { portable } from "./_portable.ts";
import type { TokenizerFiles, TokenizerOptions } from "./files.ts";

/**
 * Makes the tokenizer of a CLIP text encoder. The time that `tokenize` takes grows with the length of the
 * text and no faster: 100,000 characters take about half a second.
 *
 * @example
 * ```ts
 * import { loadTokenizer } from "@mobile-diffusion/sdk/tokenizer";
 *
 * const tokenizer = loadTokenizer({
 *   "vocab.json": `{ "c": 0, "a": 1, "t</w>": 2, "at</w>": 3, "cat</w>": 4,
 *     "<|startoftext|>": 5, "<|endoftext|>": 6 }`,
 *   "merges.txt": "a t</w>\nc at</w>",
 * });
 * tokenizer.tokenize("Cat  CAT"); // [4, 4]
 * ```
 * @throws {TypeError} If a file is missing or is not what its name says.
 * @throws {UnsupportedModelError} If `tokenizer.json` is not of the kind that CLIP has (byte pairs).
 * @throws {RangeError} If an added token is in the vocabulary already.
 */
export function loadTokenizer(files: TokenizerFiles, options: TokenizerOptions = {}): Tokenizer {
  const { json, ...tokenizer } = readDefinition(files, options);
  const engine = new JavaScriptTokenizer(portable(json), {});
  return { ...tokenizer, tokenize: (text) => engine.encode(text, { add_special_tokens: false }).ids };
}
