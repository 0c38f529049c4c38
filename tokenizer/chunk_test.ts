import assert from "node:assert/strict";
import { chunkPrompt, loadTokenizer, padTokens, parsePromptWeights } from "./mod.ts";
import { referenceFiles } from "./_testing.ts";

const tokenizer = loadTokenizer(await referenceFiles("sd15-tiny"));
const [cat, comma] = ["a", ","].map((text) => tokenizer.tokenize(text)[0]!);
const { startId, endId, padId } = tokenizer;

/** Text ids of each row. */
function texts(prompt: string, commaReach?: number): number[][] {
  const options = commaReach === undefined ? {} : { commaReach };
  return chunkPrompt(parsePromptWeights(prompt), tokenizer, options).map(({ ids, weights }) => {
    assert.equal(ids.length, 77);
    assert.equal(weights.length, 77);
    assert.equal(ids[0], startId);
    return ids.slice(1, ids.indexOf(endId, 1));
  });
}

Deno.test("padTokens fills a row, or says how much it cut off", () => {
  assert.deepEqual(padTokens([], tokenizer).ids, [startId, ...Array(76).fill(endId)]);
  const exact = padTokens(Array(75).fill(cat), tokenizer);
  assert.deepEqual(exact, { ids: [startId, ...Array(75).fill(cat), endId], dropped: 0 });
  assert.deepEqual(padTokens(Array(80).fill(cat), tokenizer), { ids: exact.ids, dropped: 5 });
});

Deno.test("chunkPrompt makes one row of 75 tokens after the other", () => {
  assert.deepEqual(texts(""), [[]]);
  assert.deepEqual(texts("a ".repeat(75)).map((ids) => ids.length), [75]);
  assert.deepEqual(texts("a ".repeat(160)).map((ids) => ids.length), [75, 75, 10]);
});

Deno.test("chunkPrompt keeps the weights beside their tokens", () => {
  const [row] = chunkPrompt(parsePromptWeights("a (a a:1.5)"), tokenizer);
  assert.deepEqual(row!.ids.slice(0, 5), [startId, cat, cat, cat, endId]);
  assert.deepEqual(row!.weights.slice(0, 5), [1, 1, 1.5, 1.5, 1]);
  assert.ok(row!.weights.slice(4).every((weight) => weight === 1));
  assert.equal(row!.ids[76], padId);
});

Deno.test("chunkPrompt begins a row at BREAK, but none for an empty end", () => {
  assert.deepEqual(texts("a BREAK a a"), [[cat], [cat, cat]]);
  assert.deepEqual(texts("a BREAK"), [[cat]]);
  assert.deepEqual(texts("BREAK a"), [[], [cat]]);
});

Deno.test("chunkPrompt divides after a comma that is near the end of a row", () => {
  const lengths = (prompt: string, reach?: number) => texts(prompt, reach).map((ids) => ids.length);
  const near = "a ".repeat(59) + ", " + "a ".repeat(30);
  assert.deepEqual(lengths(near), [60, 30]);
  assert.equal(texts(near)[0]!.at(-1), comma);
  assert.deepEqual(lengths(near, 0), [75, 15]);
  const far = "a ".repeat(50) + ", " + "a ".repeat(30);
  assert.deepEqual(lengths(far), [75, 6]);
});
