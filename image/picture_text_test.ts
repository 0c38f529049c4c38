import assert from "node:assert/strict";
import { withWebpExif } from "./_webp_chunks.ts";
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

/** TIFF data with tags of a text in the first directory, and a comment in EXIF's own. */
function exif(type: number, comment: string, tags: readonly (readonly [number, string])[] = []): Uint8Array {
  const bytes: number[] = [];
  const put = (...values: readonly (readonly [value: number, length: number])[]) => {
    for (const [value, length] of values) {
      for (let i = 0; i < length; i++) bytes.push(value >>> 8 * (length - 1 - i) & 0xff);
    }
  };
  const second = 8 + 2 + 12 * (tags.length + 1) + 4;
  let data = second + 2 + 12 + 4;
  put([0x4d4d002a, 4], [8, 4], [tags.length + 1, 2]);
  for (const [tag, text] of tags) {
    put([tag, 2], [2, 2], [text.length + 1, 4], [data, 4]);
    data += text.length + 1;
  }
  put([0x8769, 2], [4, 2], [1, 4], [second, 4], [0, 4]);
  put([1, 2], [0x9286, 2], [type, 2], [comment.length, 4], [data, 4], [0, 4]);
  for (const text of [...tags.map(([, text]) => `${text}\0`), comment]) {
    for (const character of text) bytes.push(character.charCodeAt(0));
  }
  return Uint8Array.from(bytes);
}

Deno.test("what other programs write into WebP and JPEG files is read by the names of a PNG", async () => {
  const webp = await encodeImage(image, "webp");
  const jpeg = await encodeImage(image, "jpeg");
  const segment = (marker: number, content: string) => {
    const length = content.length + 2;
    const head = [0xff, marker, length >> 8, length & 0xff];
    const body = Uint8Array.from(content, (character) => character.charCodeAt(0));
    return Uint8Array.from([...jpeg.subarray(0, 2), ...head, ...body, ...jpeg.subarray(2)]);
  };
  const asString = (bytes: Uint8Array) => String.fromCharCode(...bytes);
  const text = "a cat, (red:1.2)";
  const [undefinedBytes, ascii] = [7, 2];
  const utf16le = [...text].map((character) => `${character}\0`).join("");
  for (
    const [type, comment] of [
      [undefinedBytes, text], // no code at all
      [ascii, `${text}\0`], // the type of a text
      [ascii, `ASCII\0\0\0${text}\0`],
      [undefinedBytes, `UNICODE\0\xff\xfe${utf16le}`],
      [undefinedBytes, `UNICODE\0${text}`], // which it is not
      [undefinedBytes, `JIS\0\0\0\0\0${text}`],
    ] as const
  ) {
    const tiff = exif(type, comment);
    for (const file of [withWebpExif(webp, tiff), segment(0xe1, `Exif\0\0${asString(tiff)}`)]) {
      assert.deepEqual(await readPictureText(file), { parameters: text }, JSON.stringify(comment));
    }
  }
  const graph = exif(undefinedBytes, "", [[0x010f, 'workflow:{"a":1}'], [0x0110, 'prompt:{"b":2}']]);
  assert.deepEqual(await readPictureText(withWebpExif(webp, graph)), {
    workflow: '{"a":1}',
    prompt: '{"b":2}',
  });
  assert.deepEqual(await readPictureText(segment(0xfe, `parameters\0${text}\0`)), { parameters: text });
  assert.deepEqual(await readPictureText(segment(0xfe, "made by hand")), {});
  const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF></rdf:RDF></x:xmpmeta>';
  const packet = segment(0xe1, `http://ns.adobe.com/xap/1.0/\0${xmp}`);
  assert.deepEqual(await readPictureText(packet), { "XML:com.adobe.xmp": xmp });
});

Deno.test("files whose bytes were changed give their texts or one clear error", async () => {
  const text = { parameters: "a cat\nSteps: 1, Sampler: Euler, Seed: 2" };
  const files = [
    await encodeImage(image, "png", { text: { ...text, Größe: "日本" } }),
    await encodeImage(image, "jpeg", { text }),
    await encodeImage(image, "webp", { text }),
  ];
  let state = 11;
  const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
  const count = Deno.env.get("LONG") === "1" ? 10_000 : 300;
  for (let i = 0; i < count; i++) {
    const whole = files[below(files.length)]!;
    const bytes = whole.slice(0, below(5) === 0 ? below(whole.length) : whole.length);
    for (let change = 0; change <= below(4); change++) {
      bytes[below(below(2) === 0 ? 200 : bytes.length)] = below(256);
    }
    try {
      const texts = await readPictureText(bytes);
      assert.ok(Object.values(texts).every((value) => typeof value === "string"));
    } catch (error) {
      assert.ok(error instanceof TypeError, `${(error as Error).stack}`);
      assert.match(error.message, /^Cannot read|^Cannot decode/);
    }
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
