import assert from "node:assert/strict";
import { cannyEdges } from "./mod.ts";
import { golden, picture } from "./_testing.ts";

Deno.test("cannyEdges finds what OpenCV finds", async () => {
  const [photo, { edges }] = [await picture(), await golden()];
  for (const { low, high, blur, image } of edges) {
    const found = cannyEdges(photo, { low, high, blur });
    let [both, ours, theirs] = [0, 0, 0];
    for (let i = 0; i < found.data.length; i++) {
      const [a, b] = [found.data[i]! > 0, image.data[i]! > 0];
      [both, ours, theirs] = [both + Number(a && b), ours + Number(a), theirs + Number(b)];
    }
    const f1 = 2 * both / (ours + theirs);
    // Without a blur all is integers and equal; OpenCV's blur has weights in 256ths.
    assert.ok(f1 >= (blur === 0 ? 1 : 0.95), `low ${low}, high ${high}, blur ${blur}: F1 is ${f1}`);
  }
});

Deno.test("cannyEdges takes pictures of one pixel and of one line", () => {
  for (const [width, height] of [[1, 1], [1, 9], [9, 1], [2, 2]] as const) {
    const image = { width, height, data: new Uint8Array(3 * width * height).fill(9) };
    assert.deepEqual(cannyEdges(image, { blur: 2 }).data, new Uint8Array(3 * width * height));
  }
});

Deno.test("cannyEdges refuses thresholds in the wrong order", async () => {
  const photo = await picture();
  assert.throws(() => cannyEdges(photo, { low: 300 }), /low is 300, high 200/);
  assert.throws(() => cannyEdges(photo, { blur: NaN }), RangeError);
});
