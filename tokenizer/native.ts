/**
 * The same tokenizer by `npm:tokenizers`, Hugging Face's native package. It needs `--allow-ffi` and
 * `--allow-env`, and a download of 64 MB with the binaries of all platforms; so it is never chosen for you,
 * and not part of `mod.ts`.
 *
 * @module
 */
import { importOptional } from "../core/platform.ts";
import type { Tokenizer } from "../core/tokenizer.ts";
import { BackendUnavailableError } from "../core/errors.ts";
import { readDefinition } from "./_definition.ts";
import type { TokenizerFiles, TokenizerOptions } from "./files.ts";

/** A {@linkcode Tokenizer} whose work is done on another thread. */
export interface NativeTokenizer extends Omit<Tokenizer, "tokenize"> {
  /** Ids of the text alone: no start, no end, no padding, no truncation. */
  tokenize(text: string): Promise<number[]>;
}

/**
 * Makes the tokenizer of a CLIP text encoder.
 *
 * @example
 * ```ts ignore
 * import { loadNativeTokenizer } from "@mobile-diffusion/sdk/tokenizer/native";
 *
 * const json = await Deno.readTextFile("tokenizer.json");
 * const tokenizer = await loadNativeTokenizer({ "tokenizer.json": json });
 * await tokenizer.tokenize("a cat");
 * ```
 * @throws {BackendUnavailableError} If the native package cannot be loaded here.
 * @throws {TypeError} If a file is missing or is not what its name says.
 * @throws {UnsupportedModelError} If `tokenizer.json` is not of the kind that CLIP has (byte pairs).
 * @throws {RangeError} If an added token is in the vocabulary already.
 */
export async function loadNativeTokenizer(
  files: TokenizerFiles,
  options: TokenizerOptions = {},
): Promise<NativeTokenizer> {
  const { json, ...tokenizer } = readDefinition(files, options);
  const engine = (await nativePackage()).Tokenizer.fromString(JSON.stringify(json));
  return {
    ...tokenizer,
    tokenize: async (text) => (await engine.encode(text, null, { addSpecialTokens: false })).getIds(),
  };
}

/** What is used of `npm:tokenizers`. */
interface NativePackage {
  readonly Tokenizer: {
    fromString(json: string): {
      encode(
        text: string,
        pair: null,
        options: { readonly addSpecialTokens: boolean },
      ): Promise<{ getIds(): number[] }>;
    };
  };
}

async function nativePackage(): Promise<NativePackage> {
  try {
    return await importOptional<NativePackage>("tokenizers", "0.23.2");
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot load the native tokenizer: its binary did not load, expected the package "tokenizers" ` +
        `(npm install tokenizers@0.23.2, in Deno: deno add npm:tokenizers@0.23.2) and in Deno --allow-ffi and --allow-env.`,
      { cause },
    );
  }
}
