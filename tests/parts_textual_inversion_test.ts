/** New words for prompts, against transformers with the same vectors in its table (`tests/make_parts_fixtures.py`). */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { localFolder } from "../weights/model_folder.ts";
import { openModelFolder } from "../presets/open_model.ts";
import {
  insertVectors,
  invertedTokenizer,
  readBundledInversions,
  readTextualInversion,
  type TextualInversion,
} from "../parts/textual_inversion.ts";
import { tokenizerFiles } from "../layouts/_tokenizer_files.ts";
import { readFloat32 } from "../weights/read_float.ts";
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
  await assert.rejects(readTextualInversion(await file({ clip_g: [1, 1280] })), WeightsError);
  await assert.rejects(
    readTextualInversion(await file({ clip_l: [1, 8], clip_g: [2, 12] }), { token: "<x>" }),
    /WeightsError.*1 vectors for the first text encoder and 2 for the second/,
  );
  const pair = await readTextualInversion(await file({ clip_l: [1, 32], clip_g: [1, 12] }), { token: "<x>" });
  await assert.rejects(
    openModelFolder(folder, { backend: native(), inversions: [pair] }),
    /WeightsError.*"<x>".*two text encoders.*expected vectors for one/,
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

Deno.test("files without a name for the word take the file's, or ask; a LoRA's bundled words are read", async () => {
  const vectors = { dtype: "F32", shape: [2, 4], data: new Float32Array(8).fill(1) } as const;
  for (const name of ["emb_params", "clip_l", "*", "string_to_param.*"]) {
    const bytes = await encodeSafetensors(memoryWeights({ [name]: vectors }));
    await assert.rejects(readTextualInversion(bytes), /expected the option "token"/, name);
    const { token } = await readTextualInversion(new File([bytes as BlobPart], "dog.safetensors"));
    assert.equal(token, "dog");
  }
  const lora = await encodeSafetensors(memoryWeights({
    "bundle_emb.a word.string_to_param.*": vectors,
    "bundle_emb.other.emb_params": vectors,
    "lora_unet_conv_in.alpha": vectors,
  }));
  const words = await readBundledInversions(lora);
  assert.deepEqual(words.map(({ token, vectors }) => [token, vectors.shape]), [["a word", [2, 4]], ["other", [
    2,
    4,
  ]]]);
  const broken = { ...vectors, data: new Float32Array(8).fill(NaN) };
  await assert.rejects(
    readTextualInversion(await encodeSafetensors(memoryWeights({ cat: broken }))),
    /"cat" holds NaN or infinity/,
  );
});

Deno.test("embedding files that were changed give one clear error or a word", async () => {
  const file = await Deno.readFile(testPath("./data/inversion/learned_embeds.safetensors"));
  let state = 3;
  const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
  for (let i = 0; i < (Deno.env.get("LONG") === "1" ? 10_000 : 400); i++) {
    const bytes = file.slice(0, below(4) === 0 ? below(file.length) : file.length);
    for (let change = 0; change <= below(3); change++) bytes[below(bytes.length)] = below(256);
    await readTextualInversion(bytes, { token: "a" }).catch((error: Error) => {
      assert.ok(error instanceof WeightsError || error instanceof UnsupportedModelError, `${error.stack}`);
    });
  }
});
