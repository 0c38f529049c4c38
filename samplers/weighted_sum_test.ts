import assert from "node:assert/strict";
import { weightedSum } from "./weighted_sum.ts";

const tensor = (...data: number[]) => ({ data: Float32Array.from(data), shape: [data.length] });

Deno.test("terms are summed in float64 and rounded once", () => {
  // 1e8 and 1 share no float32: rounding between the terms would lose the 1.
  assert.deepEqual(weightedSum([1, tensor(1e8)], [1, tensor(1)], [-1, tensor(1e8)]).data[0], 1);
  assert.deepEqual(weightedSum([2, tensor(1, 2)], [0.5, tensor(4, 8)]), tensor(4, 8));
});

Deno.test("tensors of different size and an empty sum are refused", () => {
  assert.throws(() => weightedSum([1, tensor(1)], [1, tensor(1, 2)]), /of 1 and 2 elements/);
  assert.throws(() => weightedSum(), RangeError);
});
