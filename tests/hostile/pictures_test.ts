/** Pictures that were made to take more than their pixels. */
import assert from "node:assert/strict";
import { decodeImage, readPngText } from "../../image/mod.ts";
import { testPath } from "../_networks.ts";

const read = (name: string) => Deno.readFile(testPath(`./hostile/pictures/${name}`));

Deno.test("a second header, which would get around the limit of pixels, is refused", async () => {
  await assert.rejects(async () => await decodeImage(await read("two_ihdr.png")), {
    message: /several headers/,
  });
});

Deno.test("a picture of 28 megapixels with 16 bits a sample is decoded", async () => {
  const { width, height, data } = await decodeImage(await read("png16_rgba_5300.png"));
  assert.equal(data.length, 3 * width * height);
});

Deno.test("texts are bounded together, not each for itself", async () => {
  await assert.rejects(async () => await readPngText(await read("ztxt_4.png")), { message: /too long/ });
});
