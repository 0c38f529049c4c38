import assert from "node:assert/strict";
import { bytesOf, counting, randomFloats, reference, temporaryFolder } from "../tests/weights_fixtures.ts";
import { readFloat32 } from "./read_float.ts";
import { memoryWeights } from "./memory.ts";
import { dequantised, quantised, quantiseFile } from "./quantise.ts";
import { renameWeights } from "./rename.ts";
import { openSafetensors } from "./safetensors.ts";
import { openShards } from "./sharded.ts";
import type { Weights } from "./weights.ts";
import { encodeSafetensors } from "./write_safetensors.ts";

const all = { select: () => true };
const matrix = (shape: number[], values: number[] | Float32Array) =>
  memoryWeights({ w: { dtype: "F32", shape, data: Float32Array.from(values) } });
const codes = async (weights: Weights) => new Int8Array((await weights.read("w")).buffer);
const encodingOf = (weights: Weights) => {
  const { encoding } = weights.info("w")!;
  assert.ok(encoding?.kind === "scaled");
  return encoding;
};
const scales = async (weights: Weights) => new Float32Array((await encodingOf(weights).scale.read()).buffer);

Deno.test("a row is divided by max|w| / 127 and rounded, halves to even", async () => {
  const weights = quantised(matrix([2, 2, 1, 2], [127, 0.5, 1.5, -2.5, -254, 2, 3.1, 5]), all);
  assert.deepEqual([...weights.names()], ["w"]);
  const { encoding: _encoding, ...info } = weights.info("w")!;
  assert.deepEqual(info, { dtype: "I8", shape: [2, 2, 1, 2], byteLength: 8 });
  const { scale: { read: _, ...scale }, ...kind } = encodingOf(weights);
  assert.deepEqual(kind, { kind: "scaled", axis: 0 });
  assert.deepEqual(scale, { dtype: "F32", shape: [2], byteLength: 8 });
  assert.deepEqual(await codes(weights), new Int8Array([127, 0, 2, -2, -127, 1, 2, 2]));
  assert.deepEqual(await scales(weights), new Float32Array([1, 2]));
  assert.deepEqual(await readFloat32(weights, "w"), new Float32Array([127, 0, 2, -2, -254, 2, 4, 4]));
});

Deno.test("no value leaves −127 … 127, whatever the scale's own rounding", async () => {
  const values = randomFloats(5, 3 * 1000);
  const q = await codes(quantised(matrix([1000, 3], values), all));
  for (let row = 0; row < 1000; row++) {
    const largest = Math.max(...Array.from(q.subarray(3 * row, 3 * row + 3), Math.abs));
    assert.equal(largest, 127);
  }
});

Deno.test("a row of zeros stays one; what is not finite is refused", async () => {
  assert.deepEqual(
    await readFloat32(dequantised(quantised(matrix([1, 2], [0, 0]), all)), "w"),
    new Float32Array(2),
  );
  for (const value of [NaN, Infinity, -Infinity]) {
    const weights = quantised(matrix([1, 2], [1, value]), all);
    await assert.rejects(
      weights.read("w"),
      new RegExp(`Cannot quantise tensor "w": it has the value ${value}`),
    );
  }
});

Deno.test("the error is at most half a scale, and scale / √12 in the mean square", async () => {
  const values = randomFloats(7, 64 * 4096);
  const weights = quantised(matrix([64, 4096], values), all);
  const restored = await readFloat32(weights, "w");
  const rowScales = await scales(weights);
  let square = 0;
  let expected = 0;
  values.forEach((value, i) => {
    const scale = rowScales[Math.floor(i / 4096)]!;
    const error = restored[i]! - value;
    assert.ok(Math.abs(error) <= scale / 2 * (1 + 1e-4)); // the slack is float32's, in q · s
    square += error ** 2;
    expected += scale ** 2 / 12;
  });
  // 262144 uniform errors: their mean square has a relative standard deviation of √(4/5 / 262144) = 0.0017
  assert.ok(Math.abs(square / expected - 1) < 0.01, `${square / expected}`);
});

Deno.test("large weights and embeddings become 8-bit; norms, biases, integers, the ends and positions stay", () => {
  const large = counting(64, 64, 1, 1);
  const names = [
    "conv_in.weight",
    "encoder.conv_out.weight",
    "text_model.embeddings.position_embedding.weight",
    "resnets.0.conv1.weight",
    "text_model.embeddings.token_embedding.weight",
  ];
  const weights = quantised(memoryWeights({
    ...Object.fromEntries(names.map((name) => [name, large])),
    "norm.weight": counting(8192),
    "small.weight": counting(8, 8),
    "ids": { dtype: "I32", shape: [64, 64], data: new Int32Array(4096) },
  }));
  const bytes = [...weights.names()].filter((name) => weights.info(name)!.dtype === "I8");
  assert.deepEqual(bytes, ["resnets.0.conv1.weight", "text_model.embeddings.token_embedding.weight"]);
});

Deno.test("a dequantised view is float32, and leaves what is not encoded", async () => {
  const file = await encodeSafetensors(memoryWeights({
    a: { dtype: "I8", shape: [2, 2], data: new Int8Array([1, 2, 3, 4]) },
    "a.scale": { dtype: "F32", shape: [2], data: new Float32Array([0.5, 10]) },
    b: { dtype: "I8", shape: [1], data: new Int8Array([5]) },
    "c.scale": counting(1),
  }));
  await using source = await openSafetensors(file);
  assert.deepEqual(new Set(source.names()), new Set(["a", "b", "c.scale"]));
  const weights = dequantised(source);
  assert.deepEqual(new Set(weights.names()), new Set(["a", "b", "c.scale"]));
  assert.deepEqual(weights.info("a"), { dtype: "F32", shape: [2, 2], byteLength: 16 });
  assert.deepEqual(await weights.read("a"), bytesOf(new Float32Array([0.5, 1, 30, 40])));
  assert.deepEqual(await weights.read("b"), new Uint8Array([5]));
});

Deno.test("scales that are too few are an error when the file is opened", async () => {
  const file = await encodeSafetensors(memoryWeights({
    a: { dtype: "I8", shape: [2, 2], data: new Int8Array(4) },
    "a.scale": counting(1),
  }));
  await assert.rejects(openSafetensors(file), {
    name: "WeightsError",
    message: 'Cannot open safetensors: tensor "a" has 1 scales, [1] in "a.scale", expected 2, one a row.',
  });
});

Deno.test("codes keep their scales in parts of a tensor, under other names, and in shards", async () => {
  const whole = quantised(matrix([4, 2], [1, 2, -30, 4, 0.5, 6, 7, -800]), all);
  const values = await readFloat32(whole, "w");
  for (const from of [whole, await openSafetensors(await encodeSafetensors(whole))]) {
    const view = renameWeights(
      from,
      new Map([
        ["second", { name: "w", as: { part: 1, of: 2 } }],
        ["turned", { name: "w", as: "transposed" }],
      ]),
    );
    assert.equal(view.info("second")?.encoding?.kind, "scaled");
    assert.deepEqual(await readFloat32(view, "second"), values.slice(4));
    assert.equal(view.info("turned")?.encoding, undefined);
    assert.deepEqual(
      await readFloat32(view, "turned"),
      Float32Array.from([0, 2, 4, 6, 1, 3, 5, 7], (i) => values[i]!),
    );
  }
  const scale = { dtype: "F32", shape: [4], data: await scales(whole) } as const;
  const shard = { dtype: "I8", shape: [4, 2], data: await codes(whole) } as const;
  const files: Record<string, Uint8Array> = {
    "1.safetensors": await encodeSafetensors(memoryWeights({ w: shard })),
    "2.safetensors": await encodeSafetensors(memoryWeights({ "w.scale": scale })),
    "index.json": new TextEncoder().encode(
      JSON.stringify({ weight_map: { w: "1.safetensors", "w.scale": "2.safetensors" } }),
    ),
  };
  const folder = { name: "apart", files: Object.keys(files), source: (name: string) => files[name]! };
  await using shards = await openShards(folder, "index.json");
  assert.deepEqual([...shards.names()], ["w"]);
  assert.deepEqual(await readFloat32(shards, "w"), values);
});

Deno.test("a component's folder becomes one file, which says so and reads back", async () => {
  await using folder = await temporaryFolder();
  const input = `${reference}/pipelines/sd15-tiny/text_encoder`;
  const output = `${folder.path}/model.int8.safetensors`;
  const report = await quantiseFile(input, output, {
    select: (_, { shape }) => shape[0]! * shape[1]! >= 1024,
  });
  await using before = await openSafetensors(`${input}/model.safetensors`);
  await using after = await openSafetensors(output);
  assert.deepEqual(after.metadata, { format: "pt", quantisation: "int8-per-output-channel" });
  assert.equal(report.quantised + report.kept, [...before.names()].length);
  assert.equal(report.quantised, 1 + 1 + 3 * 6); // token and position embeddings, six matrices a layer
  assert.ok(report.bytesAfter < 0.35 * report.bytesBefore);
  const restored = dequantised(after);
  assert.deepEqual(new Set(restored.names()), new Set(before.names()));
  for (const name of before.names()) {
    const [left, right] = [await readFloat32(before, name), await readFloat32(restored, name)];
    const largest = left.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    left.forEach((value, i) => assert.ok(Math.abs(value - right[i]!) <= largest / 254 * (1 + 1e-4)));
  }
});
