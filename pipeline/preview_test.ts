import assert from "node:assert/strict";
import { previewImages, SDXL_LATENT_TO_RGB } from "./preview.ts";

Deno.test("a preview adds up the channels' colours and the constant, each row a picture", () => {
  const data = new Float32Array(2 * 4 * 2);
  data[0] = 1; // first row, first channel, first of two pixels: half of 0.4735, 0.4057, 0.4330 above grey
  data[8 + 7] = 9; // second row, last channel, second pixel: far below black
  const [first, second] = previewImages({ data, shape: [2, 4, 1, 2] }, SDXL_LATENT_TO_RGB);
  const constant = [141, 125, 127]; // half of 0.1084, −0.0175, −0.0011 above grey
  assert.deepEqual(first, { width: 2, height: 1, data: Uint8Array.of(188, 179, 183, ...constant) });
  assert.deepEqual(second!.data, Uint8Array.of(...constant, 0, 0, 0));
});
