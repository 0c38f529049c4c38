import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";
import { decodeImage, encodeImage, type ImageFormat, readPngText } from "./mod.ts";

interface Picture {
  readonly name: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
  readonly tolerance: number;
}

// testdata/make_pictures.py made these and says how.
const pictures: { cases: Picture[]; refused: Record<string, string>; text: string } = JSON.parse(
  await readFile(new URL("testdata/pictures.json", import.meta.url), "utf8"),
);
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const formats = ["png", "jpeg", "webp"] as const;
const smooth = { width: 96, height: 64, data: new Uint8Array(3 * 96 * 64) };
for (let i = 0; i < smooth.data.length; i++) {
  smooth.data[i] = 128 + 100 * Math.sin(i / 3 / 15) * Math.cos(i / 3000);
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

Deno.test("decodeImage reads every kind of PNG, JPEG and WebP file", async () => {
  for (const { name, file, width, height, rgb, tolerance } of pictures.cases) {
    const image = await decodeImage(bytesOf(file));
    assert.deepEqual([image.width, image.height], [width, height], name);
    const difference = largestDifference(image.data, bytesOf(rgb));
    assert.ok(difference <= tolerance, `${name}: ${difference} off, expected at most ${tolerance}`);
  }
});

Deno.test("decodeImage reads from the middle of a buffer", async () => {
  for (const kind of formats) {
    const { file, rgb, tolerance } = pictures.cases.find(({ name }) => name.startsWith(kind))!;
    const bytes = bytesOf(file);
    const larger = new Uint8Array(bytes.length + 20).fill(255);
    larger.set(bytes, 9);
    const image = await decodeImage(larger.subarray(9, 9 + bytes.length));
    assert.ok(largestDifference(image.data, bytesOf(rgb)) <= tolerance);
  }
});

Deno.test("decodeImage refuses other kinds with one clear error", async () => {
  const messages: Record<string, RegExp> = {
    "jpeg cmyk": /Cannot decode the JPEG file: Unsupported color conversion request/,
    "webp animated": /Cannot decode the WebP file: its pixels cannot be read/,
    "png grey 4 interlaced": /Cannot decode the PNG file: it is interlaced with 4 bits/,
    gif: /Cannot decode the image: it begins with 47 49 46 38, expected a PNG, JPEG or WebP file/,
    bmp: /it begins with 42 4d/,
  };
  for (const [name, file] of Object.entries(pictures.refused)) {
    await assert.rejects(decodeImage(bytesOf(file)), (error: unknown) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, messages[name]!);
      return true;
    });
  }
  await assert.rejects(decodeImage(new Uint8Array()), /there are no bytes, expected/);
});

Deno.test("encodeImage and decodeImage keep a picture", async () => {
  const tolerance = { png: 0, jpeg: 8, webp: 8 };
  for (const format of formats) {
    const back = await decodeImage(await encodeImage(smooth, format));
    assert.deepEqual([back.width, back.height], [96, 64]);
    assert.ok(largestDifference(back.data, smooth.data) <= tolerance[format], format);
  }
  for (const format of ["jpeg", "webp"] as const) {
    const [small, large] = [
      await encodeImage(smooth, format, { quality: 10 }),
      await encodeImage(smooth, format),
    ];
    assert.ok(small.length < large.length);
  }
});

Deno.test("encodeImage refuses what is no picture, and text where there is no place for it", async () => {
  await assert.rejects(encodeImage({ ...smooth, width: 95 }, "png"), /95 × 64 has 18432 values, expected 3/);
  await assert.rejects(encodeImage({ width: 0, height: 0, data: new Uint8Array() }, "png"), RangeError);
  await assert.rejects(encodeImage(smooth, "jpeg", { quality: NaN }), /quality is NaN, expected 0 to 100/);
  const long = { width: 20_000, height: 1, data: new Uint8Array(60_000) };
  await assert.rejects(encodeImage(long, "webp"), /it is 20000 × 1, expected sides up to 16383/);
  await assert.rejects(encodeImage(smooth, "tiff" as ImageFormat), /format is "tiff"/);
  for (const keyword of ["", " a", "a ", "a  b", "日", "a".repeat(80), "\n"]) {
    await assert.rejects(encodeImage(smooth, "png", { text: { [keyword]: "" } }), RangeError, keyword);
  }
});

Deno.test("readPngText reads what encodeImage and Pillow write", async () => {
  const text = { parameters: "a cat\nSteps: 1", Größe: "é\x85", unicode: "日本語 😀", empty: "", "a b": "x" };
  assert.deepEqual(await readPngText(await encodeImage(smooth, "png", { text })), text);
  const gone = await readPngText(await encodeImage(smooth, "png", { text: { a: "b\0c" } }));
  assert.deepEqual(gone, { a: "b\ufffdc" });
  assert.deepEqual(await readPngText(bytesOf(pictures.text)), {
    parameters: "a café\nSteps: 1",
    compressed: "zip ".repeat(50),
    unicode: "日本語 😀",
    language: "Straße",
  });
  await assert.rejects(readPngText(await encodeImage(smooth, "webp")), TypeError);
});

/** A PNG file that says it is grey, of that size, with these bytes for pixels. */
function greyPng(width: number, height: number, raw: Uint8Array): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const bytes = Buffer.alloc(12 + data.length);
    bytes.writeUInt32BE(data.length);
    bytes.write(type, 4, "latin1");
    bytes.set(data, 8);
    let crc = ~0;
    for (const byte of bytes.subarray(4, -4)) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    bytes.writeUInt32BE(~crc >>> 0, 8 + data.length);
    return bytes;
  };
  const ihdr = Buffer.alloc(13);
  ihdr.writeUInt32BE(width);
  ihdr.writeUInt32BE(height, 4);
  ihdr[8] = 8;
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const idat = chunk("IDAT", deflateSync(raw, { level: 9 }));
  return new Uint8Array(
    Buffer.concat([signature, chunk("IHDR", ihdr), idat, chunk("IEND", Buffer.alloc(0))]),
  );
}

Deno.test("decodeImage refuses 100 megapixels by the header alone", async () => {
  const header = greyPng(10_000, 10_000, new Uint8Array(10));
  await assert.rejects(decodeImage(header), (error: unknown) => {
    assert.ok(error instanceof RangeError);
    assert.match(error.message, /it is 10000 × 10000 pixels, expected at most 64000000 in all/);
    return true;
  });
  await assert.rejects(decodeImage(header, { maxPixels: 2 ** 30 }), /fewer pixels than its header says/);
  for (const format of formats) {
    const file = await encodeImage(smooth, format);
    await assert.rejects(decodeImage(file, { maxPixels: 96 * 64 - 1 }), RangeError, format);
    await decodeImage(file, { maxPixels: 96 * 64 });
  }
});

Deno.test("decodeImage stops at a PNG that inflates to more than its size", async () => {
  const bomb = greyPng(1, 1, new Uint8Array(2 ** 27));
  const before = Deno.memoryUsage().rss;
  await assert.rejects(decodeImage(bomb), /it holds more pixels than its header says/);
  assert.ok(Deno.memoryUsage().rss - before < 2 ** 26, "memory grew by half of the bomb");
});

Deno.test("decodeImage gives a picture or one clear error for every truncation and bit flip", async () => {
  for (const format of formats) {
    const good = await encodeImage(
      { width: 16, height: 12, data: smooth.data.slice(0, 3 * 16 * 12) },
      format,
    );
    for (let length = 0; length < good.length; length += Math.ceil(good.length / 100)) {
      await assert.rejects(decodeImage(good.subarray(0, length)), TypeError, `${format} cut at ${length}`);
    }
    for (let bit = 0; bit < 8 * good.length; bit += Math.ceil(good.length / 50)) {
      const flipped = good.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      try {
        const image = await decodeImage(flipped);
        assert.equal(image.data.length, 3 * image.width * image.height);
      } catch (error) {
        assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
        assert.match(error.message, /^Cannot decode the /);
      }
    }
    await decodeImage(good);
  }
});
