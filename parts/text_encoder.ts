/**
 * A CLIP text encoder: prompts become rows of tokens, a network gives their states, and weights of words scale them.
 *
 * @module
 */
import type { AnyTensor, Runner } from "../backends/backend.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Encoded, EncodeRequest, TextEncoder } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Tokenizer } from "../core/tokenizer.ts";
import { clipRows, cutText, joinRows, longest, tooLong } from "./_clip_rows.ts";
import { encodePasses, type EncodeTexts } from "./_pass_texts.ts";
import { encodeWeighted } from "./_weighted_prompts.ts";

export { weigh } from "./_clip_rows.ts";

/** What a {@linkcode TextEncoder} of ours is made of. */
export interface ClipTextEncoderOptions {
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /**
   * Loads the network without its last `clipSkip` layers: from `input_ids` `[rows, tokens]` and `position_ids`
   * `[tokens]`, both int64, to `last_hidden_state` `[rows, tokens, width]`.
   */
  readonly load: (clipSkip: number) => Promise<Runner>;
  /** Values of further inputs; asked for at every run. */
  readonly inputs?: () => Readonly<Record<string, AnyTensor>>;
}

/** Puts tokenizer and network together. */
export function clipTextEncoder({ tokenizer, load, inputs }: ClipTextEncoderOptions): TextEncoder {
  const network = new LazyPart(async (owned) => owned.use(await load(skipped)));
  let skipped = 0;
  const run = async (rows: readonly (readonly number[])[], clipSkip: number): Promise<Tensor> => {
    if (clipSkip !== skipped) {
      await network.release();
      skipped = clipSkip;
    }
    const tokens = rows[0]!.length;
    const { last_hidden_state } = await (await network.get()).run({
      input_ids: { data: BigInt64Array.from(rows.flat(), BigInt), shape: [rows.length, tokens] },
      position_ids: { data: BigInt64Array.from({ length: tokens }, (_, i) => BigInt(i)), shape: [tokens] },
      ...inputs?.(),
    });
    return last_hidden_state as Tensor;
  };
  return {
    async encode(request: EncodeRequest): Promise<Encoded> {
      const { clipSkip = 0, syntax = "plain", onWarning } = request;
<<<<<<< HEAD
      const encode: EncodeTexts = async (given) => {
        const texts = given.map(({ text }) => cutText(text, tokenizer, syntax));
        const warning = tooLong(texts, tokenizer);
        if (warning !== undefined) onWarning?.(warning);
        const chunks = longest(texts);
        const rows = clipRows(texts, tokenizer, chunks);
        const states = await run(rows.map(({ ids }) => ids), clipSkip);
        return { encoder_hidden_states: joinRows(states, rows, chunks) };
      };
      return await (syntax === "weighted" ? encodeWeighted : encodePasses)(request, encode);
=======
      if (syntax === "weighted") {
        const weighted = async (texts: readonly string[]) => {
          const empty = chunkPrompt([[]], tokenizer)[0]!;
          const chunks = texts.map((text) => chunkPrompt(parsePromptWeights(text), tokenizer));
          const longest = chunks.reduce((most, { length }) => Math.max(most, length), 1);
          if (longest > mostChunks) {
            throw new RangeError(
              `Cannot encode the prompt: it takes ${longest} rows of tokens, expected at most ${mostChunks}.`,
            );
          }
          const rows = chunks.flatMap((own) => Array.from({ length: longest }, (_, i) => own[i] ?? empty));
          const hidden = weigh(await run(rows.map(({ ids }) => ids), clipSkip), rows);
          const [, tokens, width] = hidden.shape as [number, number, number];
          return { data: hidden.data, shape: [texts.length, longest * tokens, width] };
        };
        return await encodeWeighted(request, weighted);
      }
      const { prompts, encoded } = passPrompts(request);
      const rows = prompts.map((prompt) => padTokens(tokenizer.tokenize(prompt), tokenizer));
      const dropped = Math.max(...rows.map((row) => row.dropped));
      if (dropped > 0) onWarning?.(tooLong(tokenizer, dropped));
      return encoded(await run(rows.map(({ ids }) => ids), clipSkip));
>>>>>>> trust_next
    },
    [Symbol.asyncDispose]: () => network.release(),
  };
}
<<<<<<< HEAD
=======

/** Rows of tokens that one prompt may be cut into: the network attends to all of them at every pixel. */
const mostChunks = 64;

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

function tooLong({ maxLength }: Tokenizer, dropped: number): string {
  return `The prompt is too long: ${dropped} tokens after the first ${maxLength - 2} were left out.`;
}
>>>>>>> trust_next
