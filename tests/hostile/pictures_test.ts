/** Pictures that were made to take more than their pixels. */
import assert from "node:assert/strict";
import { decodeImage, encodeImage, readPngText } from "../../image/mod.ts";
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

Deno.test("scans are counted before one is decoded, and a second size is refused", async () => {
  const bomb = await read("bomb.jpg"); // 101 scans of 64 megapixels
  await assert.rejects(decodeImage(bomb), { name: "RangeError", message: /its 101 scans go over 8000/ });
  const small = await encodeImage({ width: 8, height: 8, data: new Uint8Array(192) }, "jpeg");
  assert.equal((await decodeImage(small)).width, 8);
  const at = small.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc2].includes(small[i + 1]!));
  const length = 2 + small[at + 2]! * 256 + small[at + 3]!;
  const twice = Uint8Array.of(...small.subarray(0, at + length), ...small.subarray(at));
  await assert.rejects(decodeImage(twice), { name: "TypeError", message: /gives its size twice/ });
});

Deno.test("texts are bounded together, not each for itself", async () => {
  await assert.rejects(async () => await readPngText(await read("ztxt_4.png")), { message: /too long/ });
});
