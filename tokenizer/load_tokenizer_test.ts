import assert from "node:assert/strict";
import { UnsupportedModelError } from "../core/errors.ts";
import { loadTokenizer, padTokens, type TokenizerFiles } from "./mod.ts";
import { oddStrings, referenceCases, referenceFiles } from "./_testing.ts";

for (const bare of [false, true]) {
  const from = bare ? "vocab.json and merges.txt" : "tokenizer.json";

  Deno.test(`loadTokenizer from ${from} gives the reference's ids and rows`, async () => {
    for (const [pipeline, cases] of await referenceCases()) {
      const tokenizer = loadTokenizer(await referenceFiles(pipeline, bare));
      assert.equal(tokenizer.maxLength, 77);
      for (const { text, ids, padded_ids, tokens } of cases) {
        const textIds = tokenizer.tokenize(text);
        assert.deepEqual(padTokens(textIds, tokenizer).ids, padded_ids, JSON.stringify(text));
        if (ids === undefined) continue;
        assert.deepEqual([tokenizer.startId, ...textIds, tokenizer.endId], ids);
        assert.deepEqual(ids.map((id) => tokenizer.token(id)), tokens);
        assert.equal(padTokens(textIds, tokenizer).dropped, Math.max(0, ids.length - 77));
      }
    }
  });
}

Deno.test("loadTokenizer gives the same ids with and without tokenizer.json", async () => {
  const [full, bare] = [false, true].map(async (bare) =>
    loadTokenizer(await referenceFiles("sd2-tiny", bare))
  );
  for (const text of oddStrings(300, 1)) {
    assert.deepEqual((await bare)!.tokenize(text), (await full)!.tokenize(text), JSON.stringify(text));
  }
});

Deno.test("loadTokenizer gives added tokens the ids after the last, in any case of letters", async () => {
  const files = await referenceFiles("sd15-tiny", true);
  const plain = loadTokenizer(files);
  const tokenizer = loadTokenizer(files, { addedTokens: ["<cat-toy>", "<cat-toy>_1"] });
  assert.deepEqual(tokenizer.tokenize("a <CAT-toy>_1, <cat-toy>"), [
    ...plain.tokenize("a"),
    815,
    ...plain.tokenize(","),
    814,
  ]);
  assert.equal(tokenizer.token(815), "<cat-toy>_1");
  assert.throws(() => loadTokenizer(files, { addedTokens: ["cars</w>"] }), RangeError);
});

Deno.test("loadTokenizer takes 100,000 characters of one kind without a quadratic step", async () => {
  const tokenizer = loadTokenizer(await referenceFiles("sd15-tiny", true));
  const texts = ["ab", "cat dog ", " ", "<|startof", "<|startoftext|>", "!", "日", "e\u0301", "\u0301", "1"];
  for (const text of texts) tokenizer.tokenize(text.repeat(Math.ceil(100_000 / text.length)));
});

Deno.test("loadTokenizer names what is wrong with a file", async () => {
  const good = await referenceFiles("sd15-tiny", true);
  const vocab = JSON.parse(good["vocab.json"]!);
  const { "<|startoftext|>": _, ...headless } = vocab;
  const bad: [TokenizerFiles, RegExp][] = [
    [{}, /found no file, expected tokenizer\.json, or vocab\.json and merges\.txt/],
    [{ "vocab.json": "{}" }, /found vocab\.json, expected/],
    [{ ...good, "vocab.json": good["vocab.json"]!.slice(0, 500) }, /vocab\.json is not JSON/],
    [{ ...good, "vocab.json": "[1]" }, /vocab\.json is not a JSON object/],
    [{ ...good, "vocab.json": `{"a": -1}` }, /token "a" has id -1, expected an integer/],
    [{ ...good, "vocab.json": JSON.stringify({ ...vocab, twin: 0 }) }, /one id to two tokens/],
    [{ ...good, "vocab.json": JSON.stringify(headless) }, /lacks "<\|startoftext\|>"/],
    [{ ...good, "merges.txt": "#version: 0.2\na b c\n" }, /merges\.txt line 2 is "a b c"/],
    [{ ...good, "merges.txt": "q zzz" }, /merges\.txt line 1/],
    [{ ...good, "tokenizer_config.json": `{"model_max_length": 2}` }, /model_max_length is 2/],
    [{ "tokenizer.json": "{}" }, /tokenizer\.json has no "model"/],
    [{ "tokenizer.json": `{"model":{"type":"BPE"}}` }, /tokenizer\.json has no vocabulary/],
  ];
  for (const [files, message] of bad) {
    assert.throws(() => loadTokenizer(files), (error: unknown) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /^Cannot load the tokenizer: /);
      assert.match(error.message, message);
      return true;
    });
  }
  const unigram = { "tokenizer.json": `{"model":{"type":"Unigram","vocab":[]}}` };
  assert.throws(() => loadTokenizer(unigram), UnsupportedModelError);
});

Deno.test("loadTokenizer reads a length that means 'unknown' as CLIP's", async () => {
  const files = await referenceFiles("sd15-tiny", true);
  const config = JSON.stringify({ model_max_length: 1e30 });
  assert.equal(loadTokenizer({ ...files, "tokenizer_config.json": config }).maxLength, 77);
});
