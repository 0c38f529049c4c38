import assert from "node:assert/strict";
import { decodeImage, encodeImage, readPictureText } from "./mod.ts";

const image = { width: 24, height: 16, data: Uint8Array.from({ length: 3 * 24 * 16 }, (_, i) => i % 256) };

Deno.test("the parameters of a picture survive in every format, whatever they say", async () => {
  const texts = ["a cat\nSteps: 1, Sampler: Euler, Seed: 2", "", "日本 🎨 \u0000 Größe", "x".repeat(20_000)];
  for (const format of ["png", "jpeg", "webp"] as const) {
    const plain = await decodeImage(await encodeImage(image, format));
    for (const parameters of texts) {
      const file = await encodeImage(image, format, { text: { parameters } });
      const expected = format === "png" ? parameters.replaceAll("\0", "\ufffd") : parameters;
      assert.equal((await readPictureText(file)).parameters, expected, format);
      assert.deepEqual(await decodeImage(file), plain, format); // the pixels are the same
    }
  }
});

Deno.test("a comment is read in either order of bytes, in ASCII, and where no code is said", async () => {
  const encoded = (text: string, little: boolean) => {
    const bytes = new Uint8Array(2 * text.length);
    [...text].forEach((c, i) => new DataView(bytes.buffer).setUint16(2 * i, c.charCodeAt(0), little));
    return String.fromCharCode(...bytes);
  };
  const template = await encodeImage(image, "jpeg", { text: { parameters: "12345678901234" } });
  const at = 2 + 4 + 6 + 44; // the file's mark, the segment's head, EXIF's mark, its two directories
  for (
    const comment of [
      "UNICODE\0" + encoded("a cat", true),
      "UNICODE\0" + encoded("a cat", false),
      "ASCII\0\0\0a cat",
      "\0".repeat(8) + "a cat\0\0",
    ]
  ) {
    const bytes = template.slice();
    bytes.set(Uint8Array.from(comment.padEnd(36, "\0"), (c) => c.charCodeAt(0)), at);
    new DataView(bytes.buffer).setUint32(at - 12, comment.length); // of the last directory's only entry
    assert.deepEqual(await readPictureText(bytes), { parameters: "a cat" }, JSON.stringify(comment));
  }
});

Deno.test("a file without text has none, and one that is cut short is no riddle", async () => {
  for (const format of ["jpeg", "webp"] as const) {
    assert.deepEqual(await readPictureText(await encodeImage(image, format)), {});
    const whole = await encodeImage(image, format, { text: { parameters: "a cat" } });
    for (let length = 40; length < whole.length; length += 7) {
      await readPictureText(whole.subarray(0, length)).catch((error) =>
        assert.ok(error instanceof TypeError)
      );
    }
  }
  await assert.rejects(
    readPictureText(new TextEncoder().encode("GIF89a")),
    /expected a PNG, JPEG or WebP file/,
  );
});

Deno.test("what a format has no room for is refused", async () => {
  await assert.rejects(
    encodeImage(image, "jpeg", { text: { parameters: "x".repeat(40_000) } }),
    /expected at most 65533 in a JPEG file\. Keep it as PNG or WebP/,
  );
  await assert.rejects(
    encodeImage(image, "webp", { text: { Title: "a" } }),
    /the text "Title" is given for "webp"/,
  );
});
