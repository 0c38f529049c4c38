/**
 * Textual inversion (Gal et al. 2022, "An Image is Worth One Word"): new words for prompts, each of one or several
 * learned vectors in the text encoder's table of tokens.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";
import type { Tokenizer } from "../core/tokenizer.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import { loadTokenizer } from "../tokenizer/load_tokenizer.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { overrideWeights } from "../weights/override.ts";
import type { ByteSource } from "../weights/random_access.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { Weights } from "../weights/weights.ts";

/** A new word. */
export interface TextualInversion {
  /** How prompts spell it, as `<cat-toy>`. Upper and lower case are the same. */
  readonly token: string;
  /** Its vectors, `[count, width]`, which stand for as many tokens in a row. */
  readonly vectors: Tensor;
  /** Those of a second text encoder (Stable Diffusion XL), as many. */
  readonly vectors2?: Tensor;
  /** Path of its file, for the record of pictures; absent where bytes were read. */
  readonly source?: string;
}

/** Options of {@linkcode readTextualInversion}. */
export interface ReadTextualInversionOptions {
  /** How prompts spell it. @default {what the file says, else the file's name} */
  readonly token?: string;
}

/** Names of the vectors that are no token, in the files of A1111, ComfyUI and kohya. */
const nameless: ReadonlySet<string> = new Set(["emb_params", "clip_l", "clip_g", "*", "string_to_param.*"]);

/**
 * Reads an embedding file: A1111's (`emb_params`), ComfyUI's (`clip_l`, for Stable Diffusion XL `clip_g` too), an old one's (`*`), or diffusers' (one tensor,
 * named like the token).
 *
 * @throws {WeightsError} If the file is damaged, or not an embedding.
 * @throws {TypeError} If nothing says how prompts spell the word.
 *
 * @example
 * ```ts ignore
 * const inversions = [await readTextualInversion("cat-toy.safetensors", { token: "<cat-toy>" })];
 * const model = await openModelFolder(await localFolder("stable-diffusion-v1-5"), { backend: native(), inversions });
 * ```
 */
export async function readTextualInversion(
  source: ByteSource,
  { token }: ReadTextualInversionOptions = {},
): Promise<TextualInversion> {
  await using file = await openSafetensors(source);
  const names = [...file.names()];
  const isPair = names.length === 2 && names.includes("clip_l") && names.includes("clip_g");
  const name = isPair ? "clip_l" : names[0];
  if (name === undefined || names.length > 1 && !isPair || name === "clip_g") {
    throw new WeightsError(
      `Cannot read the embedding: it has ${names.length} tensors (${
        names.slice(0, 3).join(", ")
      }), expected one of one or two dimensions, or "clip_l" and "clip_g".`,
    );
  }
  const vectors = await readVectors(file, name);
  const vectors2 = isPair ? await readVectors(file, "clip_g") : undefined;
  const spelling = token ?? (nameless.has(name) ? fileName(source) : name);
  if (spelling === undefined) {
    throw new TypeError(
      `Cannot read the embedding: it does not say how prompts spell it, expected the option "token".`,
    );
  }
  return { token: spelling, ...pairOf(vectors, vectors2), ...typeof source === "string" && { source } };
}

/** A word's vectors for one text encoder, or for two. */
function pairOf(vectors: Tensor, vectors2: Tensor | undefined): Omit<TextualInversion, "token"> {
  if (vectors2 === undefined) return { vectors };
  if (vectors.shape[0] === vectors2.shape[0]) return { vectors, vectors2 };
  throw new WeightsError(
    `Cannot read the embedding: it has ${vectors.shape[0]} vectors for the first text encoder and ${
      vectors2.shape[0]
    } for the second, expected as many.`,
  );
}

/**
 * Reads the words that a LoRA's file bundles (`bundle_emb.<word>.…`), for the option `inversions`.
 *
 * @returns None where there are none.
 * @throws {WeightsError} If the file is damaged.
 *
 * @example
 * ```ts ignore
 * const inversions = await readBundledInversions("character.safetensors");
 * await using pipeline = await createPipeline({ model, inversions });
 * await pipeline.setLoras([{ source: "character.safetensors", strict: false }]); // the words' keys are no layers
 * ```
 */
export async function readBundledInversions(source: ByteSource): Promise<TextualInversion[]> {
  await using file = await openSafetensors(source);
  const words: TextualInversion[] = [];
  for (const name of file.names()) {
    const [, token] = name.match(/^bundle_emb\.(.+?)\.(?:string_to_param\.\*|emb_params|clip_l)$/) ?? [];
    if (token === undefined) continue;
    const second = `bundle_emb.${token}.clip_g`;
    const vectors2 = file.info(second) === undefined ? undefined : await readVectors(file, second);
    words.push({
      token,
      ...pairOf(await readVectors(file, name), vectors2),
      ...typeof source === "string" && { source },
    });
  }
  return words;
}

/**
 * Reads the words of a file, be it an embedding or a LoRA that bundles some.
 *
 * @param options With a token: the spelling of an embedding, or which of a LoRA's words.
 * @throws As {@linkcode readTextualInversion}.
 *
 * @example
 * ```ts ignore
 * const inversions = (await Promise.all(["cat-toy.safetensors", "character.safetensors"].map((file) => readInversions(file)))).flat();
 * ```
 */
export async function readInversions(
  source: ByteSource,
  options: ReadTextualInversionOptions = {},
): Promise<TextualInversion[]> {
  const words = await readBundledInversions(source);
  if (words.length === 0) return [await readTextualInversion(source, options)];
  const chosen = words.filter(({ token }) => token === (options.token ?? token));
  if (chosen.length > 0) return chosen;
  throw new WeightsError(
    `Cannot read the embedding ${JSON.stringify(options.token)}: the file bundles ${
      words.map(({ token }) => JSON.stringify(token)).join(", ")
    }, expected one of them.`,
  );
}

/** `[count, width]`. */
async function readVectors(file: Weights, name: string): Promise<Tensor> {
  const { shape } = file.info(name)!;
  const width = shape.at(-1) ?? 0;
  if (shape.length > 2 || sizeOf(shape) === 0 || width === 0) {
    throw new WeightsError(
      `Cannot read the embedding: its tensor "${name}" is [${shape}], expected one or two dimensions of one or more.`,
    );
  }
  const data = await readFloat32(file, name);
  if (!data.every(Number.isFinite)) {
    throw new WeightsError(
      `Cannot read the embedding: "${name}" holds NaN or infinity, expected finite numbers.`,
    );
  }
  return { data, shape: [data.length / width, width] };
}

function fileName(source: ByteSource): string | undefined {
  const name = source instanceof Blob && "name" in source ? String(source.name) : source;
  return typeof name !== "string" ? undefined : name.match(/([^/\\]+)\.safetensors$/)?.[1];
}

/**
 * The words as one of a model's text encoders has them.
 *
 * @param encoders How many the model has.
 * @param encoder Which one it is, from 0.
 * @throws {WeightsError} If a word is for a model with another number of them.
 */
export function inversionsOf(
  inversions: readonly TextualInversion[],
  encoders: 1 | 2,
  encoder: 0 | 1,
): TextualInversion[] {
  return inversions.map(({ token, vectors, vectors2 }) => {
    if ((vectors2 === undefined) === (encoders === 1)) {
      return { token, vectors: encoder === 0 ? vectors : vectors2! };
    }
    const [state, wanted] = encoders === 1
      ? ["has vectors for two text encoders, as in Stable Diffusion XL", "for one"]
      : ["has vectors for one text encoder", 'for two, "clip_l" and "clip_g", as in Stable Diffusion XL'];
    throw new WeightsError(
      `Cannot add the word ${JSON.stringify(token)}: its embedding ${state}, expected vectors ${wanted}.`,
    );
  });
}

/** A tokenizer that knows new words, and the vectors of the ids that it gives them. */
export interface InvertedTokenizer {
  /** Gives as many ids for a new word as it has vectors. */
  readonly tokenizer: Tokenizer;
  /** Vectors by id. */
  readonly vectors: ReadonlyMap<number, Float32Array>;
}

/**
 * Makes a tokenizer with new words.
 *
 * @throws {RangeError} If a word is in the vocabulary already, or there twice.
 * @throws {TypeError} As {@linkcode loadTokenizer}.
 */
export function invertedTokenizer(
  files: TokenizerFiles,
  inversions: readonly TextualInversion[],
): InvertedTokenizer {
  const words = inversions.map(({ token }) => token);
  const base = loadTokenizer(files, { addedTokens: words });
  const firstIds = words.map((word) => {
    const [id, ...others] = base.tokenize(word);
    if (id !== undefined && others.length === 0) return id;
    throw new RangeError(
      `Cannot add the word ${JSON.stringify(word)}: the tokenizer cuts it into ${
        others.length + 1
      } tokens, expected one. Give it another spelling, as "<word>".`,
    );
  });
  let next = Math.max(-1, ...firstIds) + 1;
  const vectors = new Map<number, Float32Array>();
  const expanded = new Map<number, { readonly word: string; readonly ids: readonly number[] }>();
  for (const [i, { token: word, vectors: { data, shape: [count, width] } }] of inversions.entries()) {
    const ids = [firstIds[i]!, ...Array.from({ length: count! - 1 }, () => next++)];
    ids.forEach((id, row) => vectors.set(id, data.subarray(row * width!, (row + 1) * width!)));
    expanded.set(firstIds[i]!, { word, ids });
  }
  const spelling = new Map([...expanded.values()].flatMap(({ word, ids }) => ids.map((id) => [id, word])));
  return {
    tokenizer: {
      ...base,
      tokenize: (text) => base.tokenize(text).flatMap((id) => expanded.get(id)?.ids ?? [id]),
      token: (id) => spelling.get(id) ?? base.token(id),
    },
    vectors,
  };
}

/** Rows that a token table needs so that all new ids are in it. */
export function tableRows(rows: number, vectors: ReadonlyMap<number, Float32Array>): number {
  return Math.max(rows, ...[...vectors.keys()].map((id) => id + 1));
}

/**
 * A text encoder's weights with vectors in its token table, which grows where it must. Disposing the view disposes
 * `weights`.
 *
 * @param key Name of the token table.
 * @throws {WeightsError} If there is no table of that name, or vectors are of another width: for another model.
 */
export function insertVectors(
  weights: Weights,
  key: string,
  vectors: ReadonlyMap<number, Float32Array>,
): Weights {
  if (vectors.size === 0) return weights;
  const [rows = 0, width = 0] = weights.info(key)?.shape ?? [];
  for (const { length } of vectors.values()) {
    if (length === width) continue;
    throw new WeightsError(
      `Cannot add the embedding: its vectors have ${length} numbers, expected ${width} as this text encoder's.`,
    );
  }
  const shape = [tableRows(rows, vectors), width];
  const read = async () => {
    const table = new Float32Array(shape[0]! * width);
    table.set(await readFloat32(weights, key));
    vectors.forEach((vector, id) => table.set(vector, id * width));
    return new Uint8Array(table.buffer);
  };
  return overrideWeights(weights, new Map([[key, { dtype: "F32", shape, read }]]));
}
