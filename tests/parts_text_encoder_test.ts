/** The arithmetic of weighted prompts: what a weight does to the states, and how long prompts become rows. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { TextEncoder } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { tokenizerFiles } from "../layouts/_tokenizer_files.ts";
import { localFolder } from "../weights/model_folder.ts";
import { clipTextEncoder, weigh } from "../parts/text_encoder.ts";
import { loadTokenizer } from "../tokenizer/load_tokenizer.ts";
import { maxAbsDifference, readJson } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";
import { encodeStates } from "./_states.ts";

const folder = await localFolder(testPath("./reference/pipelines/sd15-tiny"));
const config = readClipTextConfig(await readJson("pipelines/sd15-tiny/text_encoder/config.json"));
const tokenizer = loadTokenizer(await tokenizerFiles(folder, undefined, "tokenizer"));
const width = config.hiddenSize;

async function withEncoder(use: (encoder: TextEncoder) => Promise<void>): Promise<void> {
  const backend = native();
  await using weights = await folder.weights("text_encoder");
  await using encoder = clipTextEncoder({
    tokenizer,
    load: (clipSkip) => backend.load({ kind: "graph", graph: clipText(config, { clipSkip }), weights }),
  });
  await use(encoder);
}

/** One row's states from a token to another. */
function states({ data, shape: [, tokens] }: Tensor, row: number, from = 0, to = tokens!): Float32Array {
  return data.subarray((row * tokens! + from) * width, (row * tokens! + to) * width);
}

Deno.test("weigh scales the states of a token and restores the mean of its row", () => {
  const hidden: Tensor = { data: Float32Array.of(1, 2, 3, 4, /**/ 5, 6, 7, 8), shape: [2, 2, 2] };
  const rows = [{ ids: [], weights: [1, 2] }, { ids: [], weights: [1, 1] }];
  const { data, shape } = weigh(hidden, rows);
  // The first row's sum is 10 before and 1 + 2 + 6 + 8 = 17 after.
  const expected = [1, 2, 6, 8].map((value) => Math.fround(value * 10 / 17));
  assert.ok(maxAbsDifference(data, [...expected, 5, 6, 7, 8]) < 1e-6);
  assert.deepEqual(shape, hidden.shape);
  assert.deepEqual([...hidden.data], [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("a prompt without weights has the same states under both syntaxes", () =>
  withEncoder(async (encoder) => {
    const prompts = ["a photo of an astronaut riding a horse on mars", ""];
    const plain = await encodeStates(encoder, prompts);
    const weighted = await encodeStates(encoder, prompts, { syntax: "weighted" });
    assert.deepEqual(weighted.shape, [2, 77, width]);
    assert.ok(maxAbsDifference(weighted.data, plain.data) < 1e-6);
  }));

Deno.test("a weight changes its own words, beside a common factor", () =>
  withEncoder(async (encoder) => {
    const plain = await encodeStates(encoder, ["a red house"]);
    const weighted = await encodeStates(encoder, ["a (red:1.5) house"], { syntax: "weighted" });
    const [first, last] = [1, 1 + tokenizer.tokenize("a").length + tokenizer.tokenize("red").length];
    const start = first + tokenizer.tokenize("a").length;
    const ratios = [...weighted.data].map((value, i) => value / plain.data[i]!);
    const common = ratios[0]!;
    for (let token = 0; token < 77; token++) {
      const factor = token >= start && token < last ? 1.5 : 1;
      for (const ratio of ratios.slice(token * width, (token + 1) * width)) {
        assert.ok(Math.abs(ratio / common - factor) < 1e-4, `token ${token} is scaled by ${ratio / common}`);
      }
    }
    const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs(sum(weighted.data) - sum(plain.data)) < 1e-2);
  }));

Deno.test("a long prompt is encoded in chunks of 75 tokens, and all prompts of a call get equally many", () =>
  withEncoder(async (encoder) => {
    const chunk = "a ".repeat(75);
    const prompts = [`${chunk}${chunk}house`, "fog", ""];
    const hidden = await encodeStates(encoder, prompts, { syntax: "weighted" });
    assert.deepEqual(hidden.shape, [3, 3 * 77, width]);
    const alone = await encodeStates(encoder, [chunk, "house", "fog", ""], { syntax: "weighted" });
    const same = (row: number, part: number, expected: number) =>
      assert.ok(
        maxAbsDifference(states(hidden, row, part * 77, (part + 1) * 77), states(alone, expected)) < 1e-5,
      );
    same(0, 0, 0);
    same(0, 1, 0);
    same(0, 2, 1);
    same(1, 0, 2);
    for (const [row, part] of [[1, 1], [1, 2], [2, 0], [2, 1], [2, 2]] as const) same(row, part, 3);
  }));

Deno.test("plain syntax cuts a long prompt and says how much was lost", () =>
  withEncoder(async (encoder) => {
    const warnings: string[] = [];
    const hidden = await encodeStates(encoder, ["a ".repeat(80), "a"], {
      onWarning: (message) => warnings.push(message),
    });
    assert.deepEqual(hidden.shape, [2, 77, width]);
    assert.deepEqual(warnings, ["The prompt is too long: 5 tokens after the first 75 were left out."]);
  }));
