/** New words for prompts, against transformers with the same vectors in its table (`tests/make_parts_fixtures.py`). */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { localFolder } from "../weights/model_folder.ts";
import { openModelFolder } from "../presets/open_model.ts";
import {
  insertVectors,
  invertedTokenizer,
  readTextualInversion,
  type TextualInversion,
} from "../parts/textual_inversion.ts";
import { tokenizerFiles } from "../layouts/_tokenizer_files.ts";
import { readFloat32 } from "../weights/convert.ts";
import { memoryWeights } from "../weights/memory.ts";
import { encodeSafetensors } from "../weights/write_safetensors.ts";
import { readFixture } from "./_fixtures.ts";
import { assertClose, testPath } from "./_networks.ts";
import { encodeStates } from "./_states.ts";

const folder = await localFolder(testPath("./reference/pipelines/sd15-tiny"));
const files = await tokenizerFiles(folder, undefined, "tokenizer");
const cat = await readTextualInversion(testPath("./data/inversion/learned_embeds.safetensors"));
const style = await readTextualInversion(testPath("./data/inversion/style.safetensors"), {
  token: "<style>",
});

Deno.test("embedding files of both kinds are read", async () => {
  assert.deepEqual([cat.token, cat.vectors.shape], ["<cat-toy>", [1, 32]]);
  assert.deepEqual(style.vectors.shape, [3, 32]);
  const named = await readTextualInversion(testPath("./data/inversion/style.safetensors"));
  assert.equal(named.token, "style");
});

Deno.test("a model with new words encodes prompts as transformers does", async () => {
  const io = await readFixture("../data/inversion/io.safetensors");
  const model = await openModelFolder(folder, { backend: native(), inversions: [cat, style] });
  await using part = model.textEncoder;
  const encoder = await part.get();
  const hidden = await encodeStates(encoder, ["a <cat-toy> on a table, <style>"]);
  assertClose(hidden, io.float32("hidden"));
  const upper = await encodeStates(encoder, ["A <CAT-TOY> on a table, <Style>"]);
  assertClose(upper, io.float32("hidden"));
});

Deno.test("a word of several vectors becomes as many ids, all new", () => {
  const { tokenizer, vectors } = invertedTokenizer(files, [style, cat]);
  const plain = invertedTokenizer(files, []).tokenizer;
  const ids = tokenizer.tokenize("a <style> house");
  assert.equal(ids.length, plain.tokenize("a house").length + 3);
  const added = ids.filter((id) => vectors.has(id));
  assert.equal(new Set(added).size, 3);
  assert.deepEqual(added.map((id) => tokenizer.token(id)), ["<style>", "<style>", "<style>"]);
  assert.deepEqual(
    added.map((id) => [...vectors.get(id)!]),
    [0, 1, 2].map((row) => [...style.vectors.data.slice(row * 32, (row + 1) * 32)]),
  );
  assert.equal(vectors.size, 4);
});

Deno.test("the token table grows where it must, and half precision is widened", async () => {
  const table = { dtype: "F16", shape: [3, 2], data: Uint16Array.of(0x3c00, 0, 0, 0x3c00, 0, 0) } as const;
  const weights = insertVectors(
    memoryWeights({ table }),
    "table",
    new Map([[1, Float32Array.of(5, 6)], [4, Float32Array.of(7, 8)]]),
  );
  assert.deepEqual(weights.info("table")?.shape, [5, 2]);
  assert.deepEqual([...await readFloat32(weights, "table")], [1, 0, 5, 6, 0, 0, 0, 0, 7, 8]);
});

Deno.test("embeddings that do not fit are refused", async () => {
  const tensor = (
    shape: number[],
  ) => ({ dtype: "F32", shape, data: new Float32Array(shape.reduce((a, b) => a * b)) } as const);
  const file = (tensors: Record<string, number[]>) =>
    encodeSafetensors(
      memoryWeights(
        Object.fromEntries(Object.entries(tensors).map(([name, shape]) => [name, tensor(shape)])),
      ),
    );
  await assert.rejects(
    readTextualInversion(await file({ clip_l: [1, 768], clip_g: [1, 1280] })),
    UnsupportedModelError,
  );
  await assert.rejects(readTextualInversion(await file({ a: [1, 4], b: [1, 4] })), WeightsError);
  await assert.rejects(readTextualInversion(await file({ emb_params: [1, 2, 4] })), WeightsError);
  await assert.rejects(readTextualInversion(await file({ emb_params: [1, 4] })), /option "token"/);
  const wide: TextualInversion = { token: "<wide>", vectors: { data: new Float32Array(64), shape: [1, 64] } };
  const model = await openModelFolder(folder, { backend: native(), inversions: [wide] });
  const encoder = await model.textEncoder.get().then(
    (part) => encodeStates(part, ["a <wide> cat"]),
    (error) => error,
  );
  assert.match(String(encoder), /WeightsError.*64 numbers, expected 32/);
  assert.throws(() => invertedTokenizer(files, [cat, cat]), RangeError);
});
