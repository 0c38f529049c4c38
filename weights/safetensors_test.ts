import assert from "node:assert/strict";
import { open, writeFile } from "node:fs/promises";
import { WeightsError } from "../core/errors.ts";
import { readFloat32 } from "./read_float.ts";
import { weightDtypes } from "./dtype.ts";
import { openSafetensors } from "./safetensors.ts";
import { reference, safetensorsFile as file, temporaryFolder } from "../tests/weights_fixtures.ts";

const u8 = (start: number, end: number) => ({
  dtype: "U8",
  shape: [end - start],
  data_offsets: [start, end],
});

Deno.test("a file is read tensor by tensor, from a path, a Blob and bytes alike", async () => {
  const path = `${reference}/models/clip_proj/model.fp16.safetensors`;
  const bytes = await Deno.readFile(path);
  await using fromPath = await openSafetensors(path);
  await using fromBlob = await openSafetensors(new Blob([bytes]));
  await using fromBytes = await openSafetensors(bytes);
  assert.deepEqual(fromPath.metadata, { format: "pt" });
  const names = [...fromPath.names()];
  assert.equal(names.length, 37);
  for (const name of names) {
    const { file: range, ...info } = fromPath.info(name)!;
    assert.deepEqual(fromBlob.info(name), info);
    assert.equal(range!.path, path);
    const stored = bytes.slice(range!.offset, range!.offset + range!.length);
    assert.deepEqual(await fromPath.read(name), stored);
    assert.deepEqual(await fromBlob.read(name), stored);
    assert.deepEqual(await fromBytes.read(name), stored);
  }
});

Deno.test("tensors are named in the order of their data, whatever the header's order", async () => {
  const weights = await openSafetensors(file({ b: u8(1, 3), "7": u8(3, 4), a: u8(0, 1) }, 4));
  assert.deepEqual([...weights.names()], ["a", "b", "7"]);
  assert.deepEqual(await weights.read("b"), new Uint8Array([1, 2]));
});

Deno.test("what is read is the caller's to change", async () => {
  const weights = await openSafetensors(file({ a: u8(0, 2) }, 2));
  (await weights.read("a")).fill(9);
  assert.deepEqual(await weights.read("a"), new Uint8Array([0, 1]));
});

Deno.test("every dtype of the format is known, scalars and empty tensors too", async () => {
  const bits = (dtype: string) => Number(dtype === "BOOL" ? 8 : dtype.match(/\d+/)![0]);
  for (const dtype of weightDtypes) {
    const size = bits(dtype) / 8;
    const weights = await openSafetensors(file({
      matrix: { dtype, shape: [2, 3], data_offsets: [0, 6 * size] },
      scalar: { dtype, shape: [], data_offsets: [6 * size, 7 * size] },
      empty: { dtype, shape: [4, 0], data_offsets: [7 * size, 7 * size] },
    }, 7 * size));
    assert.deepEqual(weights.info("matrix"), { dtype, shape: [2, 3], byteLength: 6 * size });
    assert.equal((await readFloat32(weights, "scalar")).length, 1);
    assert.equal((await readFloat32(weights, "empty")).length, 0);
  }
});

Deno.test("odd names stay what they are", async () => {
  const header = `{"__proto__":${JSON.stringify(u8(0, 1))},"a\\"{b\\\\":${JSON.stringify(u8(1, 2))}}`;
  const weights = await openSafetensors(file(header, 2));
  assert.deepEqual([...weights.names()], ["__proto__", 'a"{b\\']);
  assert.deepEqual(await weights.read("__proto__"), new Uint8Array([0]));
});

Deno.test("a file over 4 GiB is read at its end", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/large.safetensors`;
  const large = 4.5 * 2 ** 30;
  const header = file({ large: u8(0, large), last: u8(large, large + 3) });
  const handle = await open(path, "w");
  await handle.write(header);
  await handle.write(new Uint8Array([5, 6, 7]), 0, 3, header.length + large); // a sparse file: takes no room
  await handle.close();
  {
    await using weights = await openSafetensors(path);
    assert.equal(weights.info("large")!.byteLength, large);
    assert.equal(weights.info("last")!.file!.offset, header.length + large);
    assert.deepEqual(await weights.read("last"), new Uint8Array([5, 6, 7]));
  }
});

Deno.test("a file that is cut short after it was opened is an error when read", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/short.safetensors`;
  await writeFile(path, file({ a: u8(0, 100) }, 100));
  {
    await using weights = await openSafetensors(path);
    await writeFile(path, file({ a: u8(0, 100) }, 60));
    await assert.rejects(weights.read("a"), /Cannot read bytes \d+ to \d+ of ".*": it ends at \d+\./);
  }
});

const refused: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  "fewer than 8 bytes": [new Uint8Array(7), /has 7 bytes, expected 8 or more/],
  "a header beyond the file": [
    file("{}").fill(255, 0, 4),
    /its header has 4294967295 bytes, expected at most 2/,
  ],
  "a header that is not JSON": [file("{a}"), /the header is not JSON/],
  "a header that is not UTF-8": [file('{"a":1}').fill(255, 10, 11), /the header is not JSON/],
  "an empty header": [file(""), /the header is not JSON/],
  "a header that is an array": [file("[]"), /not a JSON object/],
  "a header that is a string": [file('"a"'), /not a JSON object/],
  "a tensor that is no object": [file({ a: 1 }), /tensor "a" is not described by an object/],
  "an unknown dtype": [
    file({ a: { ...u8(0, 1), dtype: "F4" } }, 1),
    /tensor "a" has the dtype "F4", expected one of F64, F32/,
  ],
  "a dtype of Object's": [file({ a: { ...u8(0, 1), dtype: "toString" } }, 1), /has the dtype "toString"/],
  "no shape": [file({ a: { dtype: "U8", data_offsets: [0, 1] } }, 1), /has no shape of whole numbers/],
  "a negative size": [file({ a: { ...u8(0, 1), shape: [-1] } }, 1), /has no shape of whole numbers/],
  "a fractional size": [file({ a: { ...u8(0, 1), shape: [0.5] } }, 1), /has no shape of whole numbers/],
  "descending offsets": [
    file({ a: u8(0, 1), b: { ...u8(1, 1), data_offsets: [1, 0] } }, 1),
    /no pair of ascending/,
  ],
  "three offsets": [
    file({ a: { ...u8(0, 1), data_offsets: [0, 1, 1] } }, 1),
    /no pair of ascending data_offsets/,
  ],
  "a size that differs from the shape": [
    file({ a: { ...u8(0, 4), dtype: "F64" } }, 4),
    /takes 32 bytes, but has 4/,
  ],
  "a shape beyond the integers": [
    file({ a: { ...u8(0, 1), shape: [2 ** 40, 2 ** 40] } }, 1),
    /takes more bytes than a file can hold, but has 1/,
  ],
  "overlapping tensors": [file({ a: u8(0, 3), b: u8(2, 4) }, 4), /tensor "b" overlaps the tensor before it/],
  "a hole": [
    file({ a: u8(0, 1), b: u8(2, 3) }, 3),
    /tensor "b" leaves a hole before it: it starts at byte 2, expected 1/,
  ],
  "a hole at the beginning": [file({ a: u8(1, 2) }, 2), /tensor "a" leaves a hole/],
  "data cut short": [
    file({ a: u8(0, 4) }, 3),
    /cut short: the tensors take 4 bytes, the file has 3 for them/,
  ],
  "data beyond the tensors": [file({ a: u8(0, 4) }, 5), /bytes that belong to no tensor/],
  "a tensor that stands twice": [
    file(`{"a":${JSON.stringify(u8(0, 1))}, "\\u0061" :${JSON.stringify(u8(0, 1))}}`, 1),
    /the header has the key "a" twice/,
  ],
  "a description that stands twice": [
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"I8"}}', 1),
    /the header has the key "dtype" twice/,
  ],
  "metadata that are not strings": [
    file({ __metadata__: { step: 1 } }),
    /__metadata__ is not an object of strings/,
  ],
  "metadata that are a list": [file({ __metadata__: ["a"] }), /__metadata__ is not an object of strings/],
};

for (const [problem, [bytes, message]] of Object.entries(refused)) {
  Deno.test(`refused: ${problem}`, async () => {
    await assert.rejects(openSafetensors(bytes), (error) => {
      assert.ok(error instanceof WeightsError);
      assert.match(error.message, /^Cannot open safetensors: .*\.$/);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("refused: a header over 100 MB, before it is read", async () => {
  const prefix = file("").slice();
  new DataView(prefix.buffer).setBigUint64(0, 100_000_001n, true);
  const source = {
    size: 2e8,
    read: (offset: number, length: number) => {
      assert.ok(offset + length <= 8);
      return Promise.resolve(prefix.slice(offset, offset + length));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await assert.rejects(openSafetensors(source), /header has 100000001 bytes, expected at most 100000000/);
});

Deno.test("refused: no file, and pickles, with the file to get instead", async () => {
  await assert.rejects(
    openSafetensors("/nowhere/a.safetensors"),
    /Cannot open "\/nowhere\/a.safetensors": there is no/,
  );
  await assert.rejects(openSafetensors("unet/diffusion_pytorch_model.fp16.bin"), {
    name: "WeightsError",
    message:
      'Cannot open "unet/diffusion_pytorch_model.fp16.bin": it is a pickle, which runs code when opened. ' +
      'Get "diffusion_pytorch_model.fp16.safetensors" in its place.',
  });
  await assert.rejects(
    openSafetensors("text_encoder/pytorch_model.bin"),
    /Get "model.safetensors" in its place/,
  );
  for (const name of ["sd.ckpt", "sd.pt", "sd.PTH"]) {
    await assert.rejects(openSafetensors(name), /Get "sd.safetensors" in its place/);
  }
});

Deno.test("a missing tensor is an error that names it", async () => {
  const weights = await openSafetensors(file({ a: u8(0, 1) }, 1));
  assert.equal(weights.info("b"), undefined);
  await assert.rejects(weights.read("b"), {
    name: "WeightsError",
    message: /tensor "b": there is none of that name/,
  });
});
