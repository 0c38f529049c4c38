/** What the tokenizer tests share: the reference folders, a small vocabulary, odd strings. */
import { readFile } from "node:fs/promises";
import type { TokenizerFiles } from "./mod.ts";

const reference = new URL("../tests/reference/", import.meta.url);
const names = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
];

/** The files of a reference pipeline's tokenizer; without `tokenizer.json` if `bare`. */
export async function referenceFiles(pipeline: string, bare = false): Promise<TokenizerFiles> {
  const entries = names.slice(bare ? 1 : 0).map(async (name) => {
    return [name, await readFile(new URL(`pipelines/${pipeline}/tokenizer/${name}`, reference), "utf8")];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** One text of the reference: `ids` have start and end, `padded_ids` are one row. */
export interface ReferenceCase {
  readonly text: string;
  readonly padded_ids: readonly number[];
  readonly ids?: readonly number[];
  readonly tokens?: readonly string[];
}

/** The reference's cases by pipeline; the second one's padding token is `!`. */
export async function referenceCases(): Promise<[pipeline: string, cases: ReferenceCase[]][]> {
  const json = JSON.parse(await readFile(new URL("tokenizer/cases.json", reference), "utf8"));
  return [["sd15-tiny", json.cases], ["sd2-tiny", json.pad_variant.cases]];
}

const alphabets = [
  "abcdefghijklmnopqrstuvwxyz",
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  "0123456789²³¼½٣४Ⅷ",
  " \t\n\r\u0085\u00a0\u2003\u3000\ufeff\u200b\u200d",
  "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»¿¡…—",
  "\u0000\u0001\u0007\u001b\u007f\u0080\u009f\u202e\u2066\ufffd\ufffe",
  "àéîõüçñßæœøåÀÉÎÕÜÇÑẞÆŒØÅİıſKÅ",
  "αβγδεζησςΑΒΓΔΣΤΥΦΧΨΩάΐ",
  "абвгдежзАБВГДЕЖЗёЁ",
  "אבגדהשלוםمرحباالعالم",
  "日本語中文字한국어조선말ひらがなカタカナ",
  "नमस्तेไทยภาษาሀለሐመ",
  "😀🎉🚀👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇫🇷❤️",
  "\u0300\u0301\u0308\u030a\u0323\u0327\u0345\u05b0\u064b\u0e31\u3099\u20dd",
  "𝒜𝔅ℭ𐐀𐐨𝟘𝟙𠀀🄰ﬁﬀǅǈ",
];
const pieces = [
  "<|startoftext|>",
  "<|endoftext|>",
  "<|STARTOFTEXT|>",
  "'s",
  "'RE",
  "'ll",
  "don't",
  "</w>",
  "<|",
  "|>",
];

/** Strings that nobody types, the same ones for a seed. */
export function* oddStrings(count: number, seed: number): Generator<string> {
  const below = randomBelow(seed);
  for (let i = 0; i < count; i++) {
    let text = "";
    for (let words = below(8); words >= 0; words--) {
      if (below(10) === 0) {
        text += pieces[below(pieces.length)];
        continue;
      }
      const alphabet = [...alphabets[below(alphabets.length)]!];
      const length = below(50) === 0 ? 300 : below(7);
      for (let k = 0; k <= length; k++) text += alphabet[below(alphabet.length)];
      if (below(2) === 0) text += " ";
    }
    yield text;
  }
}

/** Integers from 0 to below n: a linear congruential generator (Numerical Recipes), its upper bits. */
export function randomBelow(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
