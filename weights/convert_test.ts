import assert from "node:assert/strict";
import { bytesOf, onDisk, randomFloats, reference } from "../tests/weights_fixtures.ts";
import { castWeights } from "./cast.ts";
import { toFloat16, toFloat32 } from "./convert.ts";
import { memoryWeights } from "./memory.ts";
import { readFloat16, readFloat32 } from "./read_float.ts";
import { openSafetensors } from "./safetensors.ts";

/**
 * The value of a binary floating-point number from its definition: (−1)ˢ · 2^(max(e, 1) − bias) · (e > 0 + f
 * / 2ᶠ). The largest exponent stands for infinity and NaN.
 */
function fromBits(bits: number, { exponent, fraction }: { exponent: number; fraction: number }): number {
  const sign = bits >> (exponent + fraction) & 1 ? -1 : 1;
  const e = bits >> fraction & (1 << exponent) - 1;
  const f = (bits & (1 << fraction) - 1) / 2 ** fraction;
  const bias = 2 ** (exponent - 1) - 1;
  if (e === 2 ** exponent - 1) return f === 0 ? sign * Infinity : NaN;
  return sign * 2 ** (Math.max(e, 1) - bias) * ((e > 0 ? 1 : 0) + f);
}

const allHalves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const allBytes = Uint8Array.from({ length: 256 }, (_, bits) => bits);

Deno.test("all 65536 float16 values widen exactly", () => {
  const values = toFloat32(bytesOf(allHalves), "F16");
  allHalves.forEach((bits) =>
    assert.ok(Object.is(values[bits], fromBits(bits, { exponent: 5, fraction: 10 })), `${bits}`)
  );
});

Deno.test("all 65536 bfloat16 values widen exactly", () => {
  const values = toFloat32(bytesOf(allHalves), "BF16");
  allHalves.forEach((bits) =>
    assert.ok(Object.is(values[bits], fromBits(bits, { exponent: 8, fraction: 7 })), `${bits}`)
  );
});

Deno.test("all 256 F8_E5M2 values widen exactly", () => {
  const values = toFloat32(allBytes, "F8_E5M2");
  allBytes.forEach((bits) =>
    assert.ok(Object.is(values[bits], fromBits(bits, { exponent: 5, fraction: 2 })), `${bits}`)
  );
});

Deno.test("all 256 F8_E4M3 values widen exactly: no infinity, NaN only where all bits are set", () => {
  const values = toFloat32(allBytes, "F8_E4M3");
  for (const bits of allBytes) {
    const bias15 = fromBits((bits & 0x80) << 1 | bits & 0x7f, { exponent: 5, fraction: 3 }); // not 7
    const wanted = (bits & 0x7f) === 0x7f ? NaN : bias15 * 2 ** 8;
    assert.ok(Object.is(values[bits], wanted), `${bits}`);
  }
  assert.equal(values[0x7e], 448);
  assert.equal(values[0x01], 2 ** -9);
});

Deno.test("every float16 value survives the way there and back", () => {
  const back = toFloat16(toFloat32(bytesOf(allHalves), "F16"));
  for (const bits of allHalves) {
    const isNaN = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
    assert.equal(back[bits], isNaN ? bits & 0x8000 | 0x7e00 : bits);
  }
});

Deno.test("float32 rounds to the nearest float16, halves to even", () => {
  const step = new Float32Array(1);
  const bits = new Uint32Array(step.buffer);
  const after = (value: number, by: number) => (step[0] = value, bits[0]! += by, step[0]!);
  const cases: [number, number][] = [];
  for (let half = 0; half < 0x7c00; half++) {
    const low = fromBits(half, { exponent: 5, fraction: 10 });
    const high = half === 0x7bff ? 65536 : fromBits(half + 1, { exponent: 5, fraction: 10 });
    const middle = (low + high) / 2; // exact in float32
    cases.push([middle, half + (half & 1)], [after(middle, -1), half], [after(middle, 1), half + 1]);
  }
  const values = Float32Array.from(cases, ([value]) => value);
  assert.deepEqual(toFloat16(values), Uint16Array.from(cases, ([, half]) => half));
  assert.deepEqual(
    toFloat16(values.map((value) => -value)),
    Uint16Array.from(cases, ([, half]) => half | 0x8000),
  );
});

Deno.test("the ends of float32: tiny, huge, infinite, NaN, and both zeros", () => {
  const values = new Float32Array([2 ** -149, 2 ** -25, 3.4e38, Infinity, -Infinity, NaN, 0, -0]);
  assert.deepEqual(toFloat16(values), new Uint16Array([0, 0, 0x7c00, 0x7c00, 0xfc00, 0x7e00, 0, 0x8000]));
});

Deno.test("integers, booleans and doubles widen", () => {
  const cases = {
    F64: [new Float64Array([0.1, -1e300]), [Math.fround(0.1), -Infinity]],
    I64: [new BigInt64Array([-3n, 2n ** 40n]), [-3, 2 ** 40]],
    U64: [new BigUint64Array([2n ** 64n - 1n]), [2 ** 64]],
    I32: [new Int32Array([-3]), [-3]],
    U32: [new Uint32Array([2 ** 32 - 1]), [2 ** 32]],
    I16: [new Int16Array([-3]), [-3]],
    U16: [new Uint16Array([65535]), [65535]],
    I8: [new Int8Array([-128]), [-128]],
    U8: [new Uint8Array([255]), [255]],
    BOOL: [new Uint8Array([0, 1, 2]), [0, 1, 1]],
    F32: [new Float32Array([0.5]), [0.5]],
  } as const;
  for (const [dtype, [data, wanted]] of Object.entries(cases)) {
    assert.deepEqual([...toFloat32(bytesOf(data), dtype as keyof typeof cases)], wanted, dtype);
  }
});

Deno.test("bytes may begin anywhere, but must be whole elements", () => {
  const bytes = new Uint8Array([0, 0x00, 0x3c]).subarray(1);
  assert.deepEqual(toFloat32(bytes, "F16"), new Float32Array([1]));
  assert.throws(
    () => toFloat32(new Uint8Array(3), "F16"),
    /Cannot convert 3 bytes from F16: expected a multiple of 2/,
  );
});

Deno.test("half-precision files are PyTorch's rounding of the float32 file", async () => {
  const folder = `${reference}/models/clip_proj`;
  await using full = await openSafetensors(`${folder}/model.safetensors`);
  await using half = await openSafetensors(`${folder}/model.fp16.safetensors`);
  await using brain = await openSafetensors(`${folder}/model.bf16.safetensors`);
  for (const name of full.names()) {
    assert.deepEqual(await readFloat16(full, name), await readFloat16(half, name));
    const exact = await readFloat32(full, name);
    (await readFloat32(brain, name)).forEach((value, i) => {
      assert.ok(Math.abs(value - exact[i]!) <= 2 ** -8 * Math.abs(exact[i]!)); // half a unit of 8 bits
    });
  }
});

Deno.test("a cast view converts fractions, keeps integers and the place of what need not change", async () => {
  const source = onDisk(memoryWeights({
    wide: { dtype: "F32", shape: [2], data: new Float32Array([1, 1 + 2 ** -11]) },
    half: { dtype: "BF16", shape: [1], data: new Uint16Array([0xbf80]) },
    ids: { dtype: "I64", shape: [1], data: new BigInt64Array([7n]) },
  }));
  const wide = castWeights(source, "F32");
  assert.deepEqual(wide.info("half"), { dtype: "F32", shape: [1], byteLength: 4 });
  assert.deepEqual(await wide.read("half"), bytesOf(new Float32Array([-1])));
  assert.deepEqual(wide.info("wide"), source.info("wide"));
  const half = castWeights(source, "F16");
  assert.deepEqual(half.info("wide"), { dtype: "F16", shape: [2], byteLength: 4 });
  assert.deepEqual(await half.read("wide"), bytesOf(new Uint16Array([0x3c00, 0x3c00])));
  assert.equal(half.info("ids")!.dtype, "I64");
  assert.deepEqual(await half.read("ids"), bytesOf(new BigInt64Array([7n])));
});

Deno.test("a missing tensor cannot be converted", async () => {
  await assert.rejects(readFloat32(memoryWeights({}), "a"), { name: "WeightsError", message: /tensor "a"/ });
  await assert.rejects(readFloat16(memoryWeights({}), "a"), { name: "WeightsError", message: /tensor "a"/ });
});

Deno.test("random float32 round as a search among the neighbours says", () => {
  const values = randomFloats(3, 10_000);
  const halves = toFloat16(values);
  const rounded = toFloat32(bytesOf(halves), "F16");
  values.forEach((value, i) => {
    const neighbours = [halves[i]! - 1, halves[i]! + 1].map((bits) =>
      fromBits(bits, { exponent: 5, fraction: 10 })
    );
    const error = Math.abs(value - rounded[i]!);
    assert.ok(neighbours.every((other) => error <= Math.abs(value - other) || Number.isNaN(other)));
  });
});
