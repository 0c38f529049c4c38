import assert from "node:assert/strict";
import { philox } from "./_philox.ts";
import { cudaNoise } from "./cuda_noise.ts";

Deno.test("Philox 4×32-10 gives Random123's known answers", () => {
  // `kat_vectors` of Random123 1.09, lines "philox4x32 10".
  const hex = (text: string) => text.split(" ").map((word) => parseInt(word, 16));
  for (
    const [counter, key, answer] of [
      ["00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
      ["ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
      ["243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
    ] as const
  ) {
    const block = hex(counter) as [number, number, number, number];
    assert.deepEqual([...philox(block, hex(key) as [number, number])], hex(answer));
  }
});

Deno.test("cudaNoise gives the numbers of torch.randn on a GPU", () => {
  // python -c "import torch; torch.manual_seed(0); print(torch.randn(3, 4, device='cuda'))"
  const published = [
    [-0.92466259, -0.42534415, -2.6438457, 0.14518388],
    [-0.12086647, -0.57972564, -0.62285122, -0.32838709],
    [-1.07454231, -0.36314407, -1.67105067, 2.26550497],
  ].flat();
  const { data, shape } = cudaNoise(0).normal([3, 4]);
  assert.deepEqual(shape, [3, 4]);
  published.forEach((value, i) => assert.ok(Math.abs(data[i]! - value) < 1e-6, `${i}: ${data[i]}, ${value}`));
});

Deno.test("draws of one stream differ, streams of one seed do not, and every bit of the seed counts", () => {
  const noise = cudaNoise(7);
  const [first, second] = [noise.normal([1, 8]).data, noise.normal([1, 8]).data];
  assert.notDeepEqual(first, second);
  assert.deepEqual(cudaNoise(7).normal([2, 4]).data, first);
  assert.notDeepEqual(cudaNoise(7 + 2 ** 32).normal([1, 8]).data, first);
  for (const seed of [-1, 0.5, 2 ** 53]) assert.throws(() => cudaNoise(seed), RangeError);
});

Deno.test("cudaNoise is standard normal", () => {
  const { data } = cudaNoise(1).normal([1 << 16]);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.02, `${mean}, ${variance}`); // five standard errors
  assert.ok(data.every(Number.isFinite));
});
