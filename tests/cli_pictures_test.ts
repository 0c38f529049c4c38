/** Pictures in and out of the command line, good and bad. */
import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { decodeImage, encodeImage, readPngText } from "../image/mod.ts";
import { inFolder, run, small } from "./_cli.ts";

/** A picture of stripes as a file. */
function stripes(width: number, height: number, format: "png" | "jpeg" | "webp"): Promise<Uint8Array> {
  const data = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => Math.floor(i / 3) % 16 < 8 ? 220 : 40,
  );
  return encodeImage({ width, height, data }, format);
}

async function generate(folder: string, ...args: readonly string[]) {
  const { code, out, err } = await run(folder, [
    "generate",
    "a lake",
    ...small,
    "--seed",
    "3",
    "--json",
    ...args,
  ]);
  assert.equal(code, 0, err);
  return JSON.parse(out).images[0] as { path: string; width: number; height: number; sha256: string };
}

Deno.test("--image and --mask take files of any size and format, cut to the size of the result", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/photo.jpg`, await stripes(150, 90, "jpeg"));
    await Deno.writeFile(`${folder}/mask.webp`, await stripes(75, 45, "webp"));
    const plain = await generate(folder);
    const from = await generate(folder, "--image", "photo.jpg", "--strength", "0.5");
    const repainted = await generate(folder, "--image", "photo.jpg", "--mask", "mask.webp");
    assert.deepEqual([from.width, from.height, repainted.width], [64, 64, 64]);
    assert.equal(new Set([plain.sha256, from.sha256, repainted.sha256]).size, 3);
  }));

Deno.test("--from makes a picture again with its sampler's options, and with the picture that it was made from", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/photo.png`, await stripes(64, 64, "png"));
    const options = [
      "--sampler",
      "Euler a",
      "--eta",
      "0.4",
      "--sampler-options",
      '{"spacing":"trailing","sigmas":"karras"}',
    ];
    const rest = [
      "--image",
      "photo.png",
      "--strength",
      "0.6",
      "--clip-skip",
      "1",
      "--prompt-syntax",
      "weighted",
    ];
    const first = await generate(folder, ...options, ...rest, "--out", "first.png");
    const { parameters } = await readPngText(await Deno.readFile(`${folder}/first.png`));
    assert.match(parameters!, /Denoising strength: 0.6, Clip skip: 2, Eta: 0.4, Sampler options: "/);

    const model = small.slice(0, 4);
    const again = ["generate", "--from", "first.png", ...model, "--out", "again.png", "--json"];
    const alone = await run(folder, again);
    assert.equal(JSON.parse(alone.out).images[0].sha256, first.sha256, alone.err);
    const { out, err } = await run(folder, [...again, "--image", "photo.png"]);
    assert.equal(JSON.parse(out === "" ? `"${err}"` : out).images?.[0].sha256, first.sha256, err);
    const other = await run(folder, [...again, "--image", "photo.png", "--sampler", "ddim"]);
    assert.equal(JSON.parse(other.out).sampler, "ddim", other.err);
  }));

Deno.test("a picture is whole or not there, and nothing is left beside it", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/taken.png`);
    const { code, err } = await run(folder, [
      "generate",
      "a lake",
      ...small,
      "--steps",
      "1",
      "--out",
      "taken.png",
      "--force",
    ]);
    assert.equal(code, 1);
    assert.match(err, /Cannot write the picture to "taken.png"/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["taken.png"]);
    assert.deepEqual([...Deno.readDirSync(`${folder}/taken.png`)], []);
  }));

/** A grey PNG file that claims a size and holds `length` zeros. */
function falsePng(width: number, height: number, length: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const bytes = new Uint8Array(12 + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, data.length);
    bytes.set(new TextEncoder().encode(type), 4);
    bytes.set(data, 8);
    let crc = ~0;
    for (const byte of bytes.subarray(4, -4)) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    view.setUint32(8 + data.length, ~crc >>> 0);
    return bytes;
  };
  const ihdr = new Uint8Array(13);
  new DataView(ihdr.buffer).setUint32(0, width);
  new DataView(ihdr.buffer).setUint32(4, height);
  ihdr[8] = 8;
  const idat = chunk("IDAT", deflateSync(new Uint8Array(length)));
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk("IHDR", ihdr),
    idat,
    chunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const bad: readonly (readonly [string, () => Promise<Uint8Array>, RegExp])[] = [
  [
    "a corrupt JPEG",
    async () => (await stripes(64, 64, "jpeg")).slice(0, 400),
    /Cannot decode the JPEG file/,
  ],
  [
    "100 megapixels",
    () => Promise.resolve(falsePng(10_000, 10_000, 10)),
    /it is 10000 × 10000 pixels, expected at most/,
  ],
  [
    "a PNG bomb",
    () => Promise.resolve(falsePng(64, 64, 2 ** 26)),
    /it holds more pixels than its header says/,
  ],
  ["0 × 0 pixels", () => Promise.resolve(falsePng(0, 0, 1)), /its header gives no size/],
  [
    "no picture at all",
    () => Promise.resolve(new TextEncoder().encode("hello")),
    /expected a PNG, JPEG or WebP file/,
  ],
];
for (const [what, make, message] of bad) {
  for (const option of ["--image", "--mask"]) {
    Deno.test(`${option} with ${what} is one clear error`, () =>
      inFolder(async (folder) => {
        await Deno.writeFile(`${folder}/bad`, await make());
        await Deno.writeFile(`${folder}/good.png`, await stripes(64, 64, "png"));
        const pictures = option === "--image" ? ["--image", "bad"] : ["--image", "good.png", "--mask", "bad"];
        const { code, out, err } = await run(folder, ["generate", "a lake", ...small, ...pictures]);
        assert.deepEqual([code, out], [1, ""]);
        assert.match(err, message);
        assert.doesNotMatch(err, /\n\s+at /);
      }));
  }
}

Deno.test("a picture that was written can be read as the next one's beginning", () =>
  inFolder(async (folder) => {
    const { path } = await generate(folder, "--out", "lake.jpg");
    const image = await decodeImage(await Deno.readFile(`${folder}/${path}`));
    assert.equal((await generate(folder, "--image", path, "--out", "again.webp")).width, image.width);
  }));
