import assert from "node:assert/strict";
import { bytesOf, counting, randomFloats, reference, temporaryFolder } from "../tests/weights_fixtures.ts";
import { readFloat32 } from "./convert.ts";
import { memoryWeights } from "./memory.ts";
import { dequantised, quantised, quantiseFile } from "./quantise.ts";
import { openSafetensors } from "./safetensors.ts";

const all = { select: () => true };
const matrix = (shape: number[], values: number[] | Float32Array) =>
  memoryWeights({ w: { dtype: "F32", shape, data: Float32Array.from(values) } });

Deno.test("a row is divided by max|w| / 127 and rounded, halves to even", async () => {
  const weights = quantised(matrix([2, 2, 1, 2], [127, 0.5, 1.5, -2.5, -254, 2, 3.1, 5]), all);
  assert.deepEqual([...weights.names()], ["w", "w.scale"]);
  assert.deepEqual(weights.info("w"), { dtype: "I8", shape: [2, 2, 1, 2], byteLength: 8 });
  assert.deepEqual(weights.info("w.scale"), { dtype: "F32", shape: [2], byteLength: 8 });
  assert.deepEqual(await readFloat32(weights, "w"), new Float32Array([127, 0, 2, -2, -127, 1, 2, 2]));
  assert.deepEqual(await readFloat32(weights, "w.scale"), new Float32Array([1, 2]));
});

Deno.test("no value leaves −127 … 127, whatever the scale's own rounding", async () => {
  const values = randomFloats(5, 3 * 1000);
  const q = await readFloat32(quantised(matrix([1000, 3], values), all), "w");
  for (let row = 0; row < 1000; row++) {
    const largest = Math.max(...q.subarray(3 * row, 3 * row + 3).map(Math.abs));
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
  const restored = await readFloat32(dequantised(weights), "w");
  const scales = await readFloat32(weights, "w.scale");
  let square = 0;
  let expected = 0;
  values.forEach((value, i) => {
    const scale = scales[Math.floor(i / 4096)]!;
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

Deno.test("a dequantised view has no scales, and leaves what is not quantised", async () => {
  const source = memoryWeights({
    a: { dtype: "I8", shape: [2, 2], data: new Int8Array([1, 2, 3, 4]) },
    "a.scale": { dtype: "F32", shape: [2], data: new Float32Array([0.5, 10]) },
    b: { dtype: "I8", shape: [1], data: new Int8Array([5]) },
    "c.scale": counting(1),
  });
  const weights = dequantised(source);
  assert.deepEqual([...weights.names()], ["a", "b", "c.scale"]);
  assert.deepEqual(weights.info("a"), { dtype: "F32", shape: [2, 2], byteLength: 16 });
  assert.deepEqual(await weights.read("a"), bytesOf(new Float32Array([0.5, 1, 30, 40])));
  assert.deepEqual(await weights.read("b"), new Uint8Array([5]));
  const short = dequantised(memoryWeights({
    a: { dtype: "I8", shape: [2, 2], data: new Int8Array(4) },
    "a.scale": counting(1),
  }));
  await assert.rejects(short.read("a"), /Cannot read tensor "a": it has 1 scales, expected 2/);
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
