import assert from "node:assert/strict";
import { maskFrom, shrinkMask } from "./mod.ts";
import { golden, picture, referenceTensor } from "./_testing.ts";

Deno.test("maskFrom is 1 from the middle grey on, by Pillow's lightness", async () => {
  const [photo, { grey }] = [await picture(), await golden()];
  const mask = maskFrom(photo);
  assert.deepEqual(mask.shape, [1, 1, photo.height, photo.width]);
  mask.data.forEach((value, i) => assert.equal(value, grey.data[3 * i]! >= 128 ? 1 : 0));
});

Deno.test("shrinkMask gives diffusers' mask of the latents", async () => {
  const { data } = await referenceTensor("runs/inputs.safetensors", "mask");
  const expected = await referenceTensor("runs/inpaint9_ddim_1.0.safetensors", "mask_latents");
  const small = shrinkMask({ data: data.map((value) => value < 0.5 ? 0 : 1), shape: [1, 1, 64, 64] }, {
    width: 8,
    height: 8,
  });
  assert.deepEqual(small.shape, [1, 1, 8, 8]);
  assert.deepEqual(small.data, expected.data.slice(0, 64));
});

Deno.test("shrinkMask takes sizes that do not divide, and refuses others", () => {
  const mask = { data: Float32Array.of(0, 1, 2, 3, 4), shape: [1, 1, 1, 5] };
  assert.deepEqual([...shrinkMask(mask, { width: 3, height: 1 }).data], [0, 1, 3]);
  assert.throws(
    () => shrinkMask({ ...mask, shape: [1, 5] }, { width: 1, height: 1 }),
    /its shape is \[1,5\]/,
  );
  assert.throws(() => shrinkMask(mask, { width: 0, height: 1 }), RangeError);
});
