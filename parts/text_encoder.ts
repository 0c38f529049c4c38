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
    },
    [Symbol.asyncDispose]: () => network.release(),
  };
}
