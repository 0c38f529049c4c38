import assert from "node:assert/strict";
import { loadTokenizer, padTokens } from "./mod.ts";
import { loadNativeTokenizer } from "./native.ts";
import { oddStrings, referenceCases, referenceFiles } from "./_testing.ts";

Deno.test("loadNativeTokenizer gives the reference's ids", async () => {
  for (const [pipeline, cases] of await referenceCases()) {
    for (const bare of [false, true]) {
      const tokenizer = await loadNativeTokenizer(await referenceFiles(pipeline, bare));
      for (const { text, ids, padded_ids } of cases) {
        const textIds = await tokenizer.tokenize(text);
        assert.deepEqual(padTokens(textIds, tokenizer).ids, padded_ids, JSON.stringify(text));
        if (ids !== undefined) assert.deepEqual([tokenizer.startId, ...textIds, tokenizer.endId], ids);
      }
    }
  }
});

Deno.test("both tokenizer packages agree on 1,000 odd strings", async () => {
  for (const [pipeline, seed] of [["sd15-tiny", 2], ["sd2-tiny", 3]] as const) {
    const files = await referenceFiles(pipeline, seed === 2);
    const options = { addedTokens: ["<cat-toy>"] };
    const [pure, native] = [loadTokenizer(files, options), await loadNativeTokenizer(files, options)];
    for (const text of oddStrings(1000, seed)) {
      assert.deepEqual(pure.tokenize(text), await native.tokenize(text), JSON.stringify(text));
    }
  }
});
