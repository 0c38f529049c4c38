/** What a stranger's `tokenizer.json` must look like before a package reads it. */
import * as v from "valibot";
import { expressionFault } from "./_expression.ts";

/** Tokens of a vocabulary: CLIP has 49,408. */
const mostTokens = 1 << 20;
const text = v.pipe(v.string(), v.maxLength(1000));
const flag = v.optional(v.boolean(), false);

/** Id of a token. */
export const tokenId: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(mostTokens - 1),
);

const addedToken = v.looseObject({
  id: tokenId,
  content: v.pipe(text, v.minLength(1)),
  normalized: flag,
  special: flag,
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
});

const expression = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? expressionFault(dataset.value) : undefined;
    if (fault !== undefined) {
      addIssue({ message: fault, expected: `an expression that can be bounded (${fault})` });
    }
  }),
);
const pattern = v.pipe(
  v.strictObject({ String: v.optional(text), Regex: v.optional(expression) }),
  v.check(({ String, Regex }) => (String === undefined) !== (Regex === undefined), "a String or a Regex"),
);

const kind = <const Name extends string>(...names: readonly Name[]) =>
  v.looseObject({ type: v.picklist(names) });
const normalizers = [
  kind("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"),
  v.looseObject({ type: v.literal("Strip"), strip_left: flag, strip_right: flag }),
  v.looseObject({ type: v.literal("Prepend"), prepend: text }),
  v.looseObject({ type: v.literal("Replace"), pattern, content: v.pipe(v.string(), v.maxLength(64)) }),
] as const;
const preTokenizers = [
  kind("Whitespace", "WhitespaceSplit"),
  v.looseObject({ type: v.literal("ByteLevel"), add_prefix_space: flag, use_regex: v.optional(v.boolean()) }),
  v.looseObject({ type: v.literal("Split"), pattern, behavior: text, invert: flag }),
  v.looseObject({ type: v.literal("Punctuation"), behavior: v.optional(text) }),
  v.looseObject({ type: v.literal("Digits"), individual_digits: flag }),
] as const;
/** Steps in a row: none of these tokenizers has a row in a row. */
const row = <Step extends v.GenericSchema>(step: Step) => v.pipe(v.array(step), v.maxLength(16));

/** By how much steps may lengthen a text. */
const mostGrowth = 4096;

const normalizer = v.pipe(
  v.variant("type", [
    ...normalizers,
    v.looseObject({ type: v.literal("Sequence"), normalizers: row(v.variant("type", normalizers)) }),
  ]),
  v.check((step) => growth(step) <= mostGrowth, "replacements that do not lengthen a text without bound"),
);

function growth(step: { readonly type: string; readonly [setting: string]: unknown }): number {
  const steps = step.type === "Sequence" ? step["normalizers"] as readonly typeof step[] : [step];
  const replaced = steps.filter(({ type }) => type === "Replace");
  return replaced.reduce((product, { content }) => product * (1 + (content as string).length), 1);
}

/** All but the vocabulary and its merges, which are too long for a schema. */
export const tokenizerSchema: v.GenericSchema = v.looseObject({
  added_tokens: v.optional(v.pipe(v.array(addedToken), v.maxLength(mostTokens)), []),
  normalizer: v.nullish(normalizer),
  pre_tokenizer: v.nullish(
    v.variant("type", [
      ...preTokenizers,
      v.looseObject({ type: v.literal("Sequence"), pretokenizers: row(v.variant("type", preTokenizers)) }),
    ]),
  ),
  model: v.looseObject({
    type: v.optional(v.literal("BPE")),
    unk_token: v.nullish(text),
    continuing_subword_prefix: v.nullish(text),
    end_of_word_suffix: v.nullish(text),
    fuse_unk: v.nullish(v.boolean()),
    byte_fallback: v.nullish(v.boolean()),
    ignore_merges: v.nullish(v.boolean()),
    dropout: v.nullish(v.literal(0)),
    vocab: v.optional(v.unknown()),
    merges: v.optional(v.array(v.unknown()), []),
  }),
});
