import assert from "node:assert/strict";
import { resizeImage } from "./mod.ts";
import { golden, picture } from "./_testing.ts";

Deno.test("resizeImage gives Pillow's pixels", async () => {
  const [photo, { sizes }] = [await picture(), await golden()];
  for (const { filter, fit, image } of sizes) {
    const { width, height } = image;
    const ours = resizeImage(photo, { width, height, fit, filter });
    const worst = ours.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - image.data[i]!)), 0);
    // Pillow's weights have 22 bits.
    assert.ok(worst <= 1, `${filter} ${fit} to ${width} × ${height}: ${worst} off`);
  }
});

Deno.test("resizeImage contains, covers and stretches", () => {
  const red = { width: 4, height: 2, data: Uint8Array.from({ length: 24 }, (_, i) => i % 3 === 0 ? 255 : 0) };
  const line = (y: number, { width, data }: { width: number; data: Uint8Array }) => [
    ...data.slice(3 * width * y, 3 * width * (y + 1)),
  ];
  const contained = resizeImage(red, { width: 2, height: 3, fit: "contain" });
  assert.deepEqual([0, 1, 2].map((y) => line(y, contained)), [
    [255, 255, 255, 255, 255, 255],
    [255, 0, 0, 255, 0, 0],
    [255, 255, 255, 255, 255, 255],
  ]);
  for (const fit of ["cover", "stretch"] as const) {
    assert.deepEqual(line(2, resizeImage(red, { width: 2, height: 3, fit })), [255, 0, 0, 255, 0, 0]);
  }
  assert.deepEqual(resizeImage(red, { width: 4, height: 2 }), red);
});

Deno.test("resizeImage refuses sizes that are none", async () => {
  const photo = await picture();
  for (const width of [0, -1, 1.5, NaN]) {
    assert.throws(() => resizeImage(photo, { width, height: 1 }), RangeError);
  }
});
