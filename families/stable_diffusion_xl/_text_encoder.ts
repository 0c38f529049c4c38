/** Two CLIP text encoders as one: their states side by side, the second one's text as one vector, and sizes. */
import type { Conditioning, Encoded, EncodeRequest, TextEncoder } from "../../core/parts.ts";
import { sizeOf, type Tensor } from "../../core/tensor.ts";
import type { RunSizes, ToldSizes } from "../../core/told_sizes.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import { clipRows, type CutText, cutText, joinRows, longest, tooLong } from "../../parts/_clip_rows.ts";
import { encodePasses, type EncodeTexts, type PassText } from "../../parts/_pass_texts.ts";
import { encodeWeighted } from "../../parts/_weighted_prompts.ts";

/** What an encoder gives for rows of tokens. */
export interface ClipStates {
  /** Of the last layer but one, or of an earlier one, as it leaves them: `[rows, tokens, width]`. */
  readonly states: Tensor;
  /** Each row as one vector, `[rows, width]`, of all layers; what the first encoder has of it is not used. */
  readonly pooled?: Tensor;
}

/** One of the encoders. */
export interface ClipEncoder extends AsyncDisposable {
  readonly tokenizer: Tokenizer;
  /**
   * Encodes rows of equally many tokens.
   *
   * @param clipSkip How many layers to leave out before the last one, which always is.
   */
  encode(rows: readonly (readonly number[])[], clipSkip: number): Promise<ClipStates>;
}

/** What the text encoder of Stable Diffusion XL is made of. */
export interface XlTextEncoderOptions {
  readonly first: ClipEncoder;
  /** It gives the vector. */
  readonly second: ClipEncoder;
  /** Whether no negative prompt stands for zeros, in place of an empty one. */
  readonly zeros: boolean;
  /** What the network is told beside the states: the vectors `[rows, width]`, and six sizes a row. */
  readonly tell: (pooled: Tensor, ids: readonly (readonly number[])[]) => Conditioning;
}

/** Puts the encoders together. They run one after the other. */
export function xlTextEncoder({ first, second, zeros, tell }: XlTextEncoderOptions): TextEncoder {
  /** Rows of one encoder, of those texts that are asked for. */
  const run = async (encoder: ClipEncoder, texts: readonly CutText[], chunks: number, clipSkip: number) => {
    const rows = clipRows(texts, encoder.tokenizer, chunks);
    const { states, pooled } = await encoder.encode(rows.map(({ ids }) => ids), clipSkip);
    return { states: joinRows(states, rows, chunks), pooled };
  };
  return {
    async encode(request: EncodeRequest): Promise<Encoded> {
      const { negativePrompts, negativePrompts2, clipSkip = 0, syntax = "plain", onWarning } = request;
      refuseSecondPrompts(request);
      const noNegative = negativePrompts === undefined && negativePrompts2 === undefined;
      const isZero = ({ pass }: PassText) => pass === "unconditional" && zeros && noNegative;
      // As diffusers does: layers are skipped for the prompt, not for the negative one.
      const skipOf = ({ pass }: PassText) => pass === "unconditional" ? 0 : clipSkip;
      const encode: EncodeTexts = async (given) => {
        const cut = given.map((text) => cutText(text.text, first.tokenizer, syntax));
        const cut2 = given.map((text) => cutText(secondText(text, request), second.tokenizer, syntax));
        const chunks = Math.max(longest(cut), longest(cut2));
        const warning = tooLong(cut, first.tokenizer) ?? tooLong(cut2, second.tokenizer);
        if (warning !== undefined) onWarning?.(warning);
        const told = given.map((text) => !isZero(text));
        const needed = told.includes(true) ? [...given.keys()].filter((i) => told[i]) : [0]; // one, for its shape
        const rows = new Map<number, Row>();
        for (const skip of new Set(needed.map((i) => skipOf(given[i]!)))) {
          const own = needed.filter((i) => skipOf(given[i]!) === skip);
          const one = await run(first, own.map((i) => cut[i]!), chunks, skip);
          const two = await run(second, own.map((i) => cut2[i]!), chunks, skip);
          const states = sideBySide(one.states, two.states);
          own.forEach((i, row) =>
            rows.set(i, {
              states: rowOf(states, row),
              pooled: rowOf(two.pooled!, row * chunks), // of a long text its first rows', as A1111 takes it
            })
          );
        }
        const stacked = (entry: keyof Row) => stack(given.map((_, i) => rows.get(i)?.[entry]), told);
        const ids = given.map(({ pass }) => idsOf(request, pass === "unconditional"));
        return { encoder_hidden_states: stacked("states"), ...tell(stacked("pooled"), ids) };
      };
      return await (syntax === "weighted" ? encodeWeighted : encodePasses)(request, encode);
    },
    async [Symbol.asyncDispose]() {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

interface Row {
  readonly states: Tensor;
  readonly pooled: Tensor;
}

function secondText({ pass, row, text }: PassText, request: EncodeRequest): string {
  const { prompts2, negativePrompts2 } = request;
  return (pass === "unconditional" ? negativePrompts2 : prompts2)?.[row] ?? text;
}

/** Prompts that change with the step, or are joined, are one text for both encoders. */
function refuseSecondPrompts({ syntax, prompts2, negativePrompts2 }: EncodeRequest): void {
  if (syntax !== "weighted" || prompts2 === undefined && negativePrompts2 === undefined) return;
  throw new RangeError(
    `Cannot encode a second prompt in the syntax "weighted": expected the syntax "plain", or one prompt for both ` +
      `text encoders.`,
  );
}

/** The six numbers: heights before widths, tops before lefts. */
function idsOf({ width, height, sizes = {} }: EncodeRequest, negative: boolean): number[] {
  const { negative: own, ...positive }: RunSizes = sizes;
  const told: ToldSizes = negative ? { ...positive, ...own } : positive;
  const { original = { width, height }, crop = { top: 0, left: 0 }, target = { width, height } } = told;
  return [original.height, original.width, crop.top, crop.left, target.height, target.width];
}

/** `[rows, tokens, a]` and `[rows, tokens, b]` to `[rows, tokens, a + b]`. */
function sideBySide(one: Tensor, two: Tensor): Tensor {
  const [rows, tokens, a] = one.shape as [number, number, number];
  const b = two.shape[2]!;
  const data = new Float32Array(rows * tokens * (a + b));
  for (let i = 0; i < rows * tokens; i++) {
    data.set(one.data.subarray(i * a, (i + 1) * a), i * (a + b));
    data.set(two.data.subarray(i * b, (i + 1) * b), i * (a + b) + a);
  }
  return { data, shape: [rows, tokens, a + b] };
}

/** One row, without the axis of rows. */
function rowOf({ data, shape: [, ...shape] }: Tensor, row: number): Tensor {
  const size = sizeOf(shape);
  return { data: data.subarray(row * size, (row + 1) * size), shape };
}

/** Rows of one shape; those that are not `told` are zeros. */
function stack(rows: readonly (Tensor | undefined)[], told: readonly boolean[]): Tensor {
  const { shape } = rows.find((row) => row !== undefined)!;
  const size = sizeOf(shape);
  const data = new Float32Array(rows.length * size);
  rows.forEach((row, i) => told[i] && data.set(row!.data, i * size));
  return { data, shape: [rows.length, ...shape] };
}
