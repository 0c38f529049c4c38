import assert from "node:assert/strict";
import { maxAbsDifference } from "../tests/_fixtures.ts";
import { classifierFree, guide } from "./guidance.ts";
import { torchNoise } from "../noise/torch_noise.ts";

const shape = [2, 4, 3];
const [unconditional, conditional] = [torchNoise(1).normal(shape), torchNoise(2).normal(shape)];

Deno.test("guidance goes from the unconditional output through the conditional one", () => {
  const guided = guide(unconditional, conditional, { scale: 7.5 });
  const expected = conditional.data.map((c, i) =>
    unconditional.data[i]! + 7.5 * (c - unconditional.data[i]!)
  );
  assert.deepEqual(guided, { data: expected, shape });
  const none = guide(unconditional, conditional, { scale: 1 });
  assert.ok(maxAbsDifference(none.data, conditional.data) < 1e-6); // u + (c − u), rounded once
});

Deno.test("full rescaling gives each row the standard deviation of its conditional output", () => {
  const { data } = guide(unconditional, conditional, { scale: 9, rescale: 1 });
  for (const row of [0, 1]) {
    const [mine, wanted] = [data, conditional.data].map((all) =>
      deviation(all.subarray(12 * row, 12 * (row + 1)))
    );
    assert.ok(Math.abs(mine! - wanted!) < 1e-6);
  }
  const half = guide(unconditional, conditional, { scale: 9, rescale: 0.5 }).data;
  const whole = guide(unconditional, conditional, { scale: 9 }).data;
  assert.ok(maxAbsDifference(half, whole.map((value, i) => (value + data[i]!) / 2)) < 1e-5); // of values up to 20
});

/** Unbiased, as `torch.std`. */
function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

Deno.test("classifier-free guidance takes two passes, and one where the scale is 1 or less", () => {
  const conditional = { data: Float32Array.of(3), shape: [1, 1] };
  const unconditional = { data: Float32Array.of(1), shape: [1, 1] };
  const two = classifierFree({ scale: 2 });
  assert.deepEqual(two.passes, ["unconditional", "conditional"]);
  assert.deepEqual([...two.combine({ conditional, unconditional }).data], [5]);
  const one = classifierFree({ scale: 1 });
  assert.deepEqual(one.passes, ["conditional"]);
  assert.equal(one.combine({ conditional }), conditional);
});
