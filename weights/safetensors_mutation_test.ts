import assert from "node:assert/strict";
import { WeightsError } from "../core/errors.ts";
import { randomIntegers, safetensorsFile, temporaryFolder } from "../tests/weights_fixtures.ts";
import type { RandomAccess } from "./random_access.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";

const mutations = 30_000;

const header = JSON.stringify({
  __metadata__: { format: "pt", note: 'braces {} and "quotes" \u00e9' },
  "conv.weight": { dtype: "F32", shape: [2, 1, 3], data_offsets: [0, 24] },
  "conv.bias": { dtype: "BF16", shape: [2], data_offsets: [24, 28] },
  empty: { dtype: "I64", shape: [0, 7], data_offsets: [28, 28] },
  scalar: { dtype: "F64", shape: [], data_offsets: [28, 36] },
  mask: { dtype: "BOOL", shape: [4], data_offsets: [36, 40] },
});

const splices = [
  "",
  "0",
  "1",
  "9",
  "-",
  ".",
  "e9",
  "99999999999999999999",
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  " ",
  "\0",
];

/** One way to damage a file. */
type Mutation = (random: (bound: number) => number) => Uint8Array<ArrayBuffer>;

const kinds: Record<string, Mutation> = {
  "flipped bits"(random) {
    const bytes = safetensorsFile(header, 40);
    for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  "truncation"(random) {
    const bytes = safetensorsFile(header, 40);
    return bytes.slice(0, random(bytes.length));
  },
  "extension"(random) {
    return safetensorsFile(header, 41 + random(20));
  },
  "edited header, right length"(random) {
    let text = header;
    for (let edits = 1 + random(2); edits > 0; edits--) {
      const at = random(text.length);
      text = text.slice(0, at) + splices[random(splices.length)] + text.slice(at + random(3));
    }
    return safetensorsFile(text, 40);
  },
  "another number"(random) {
    const numbers = [...header.matchAll(/\d+/g)];
    const { index, 0: old } = numbers[random(numbers.length)]!;
    const text = header.slice(0, index) + [random(60), 2 ** random(70), -random(9)][random(3)] +
      header.slice(index + old.length);
    return safetensorsFile(text, 40);
  },
  "pieces exchanged or repeated"(random) {
    const pieces = header.split(/(?<=[,{}])/);
    pieces[random(pieces.length)] = pieces[random(pieces.length)]!;
    return safetensorsFile(pieces.join(""), 40);
  },
  "another length"(random) {
    const bytes = safetensorsFile(header, 40);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(2 ** random(64)) + BigInt(random(400)), true);
    return bytes;
  },
};

Deno.test(`${mutations} damaged files: an error or what the file says, and no read beyond it`, async () => {
  const random = randomIntegers(1);
  const outcomes: Record<string, number> = { read: 0, refused: 0 };
  for (let i = 0; i < mutations; i++) {
    const mutate = Object.values(kinds)[i % Object.keys(kinds).length]!;
    const bytes = mutate(random);
    try {
      const weights = await openSafetensors(guarded(bytes));
      await assertSaysWhatFileSays(weights, bytes);
      outcomes.read!++;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      outcomes.refused!++;
    }
  }
  assert.ok(outcomes.read! > 1000, "flips in the data or in a name leave a file readable");
  assert.ok(outcomes.refused! > 10_000, "most damage is found");
});

Deno.test("damaged files on disk are refused and closed", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/damaged.safetensors`;
  const whole = safetensorsFile(header, 40);
  for (let length = 0; length < whole.length; length += 7) {
    await Deno.writeFile(path, whole.subarray(0, length));
    await assert.rejects(openSafetensors(path), WeightsError); // an open handle fails the test
  }
});

/** Bytes that fail the test when something beyond them is asked for: more than their size is never allocated. */
function guarded(bytes: Uint8Array<ArrayBuffer>): RandomAccess {
  return {
    size: bytes.length,
    read(offset, length) {
      assert.ok(
        offset >= 0 && length >= 0 && offset + length <= bytes.length,
        `read of ${length} bytes at ${offset}`,
      );
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Compares with a reading that checks nothing. */
async function assertSaysWhatFileSays(weights: SafetensorsFile, bytes: Uint8Array): Promise<void> {
  const headerLength = new DataView(bytes.buffer).getUint32(0, true);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + headerLength));
  const { __metadata__: metadata = {}, ...tensors } = JSON.parse(text);
  assert.deepEqual(weights.metadata, metadata);
  assert.deepEqual(new Set(weights.names()), new Set(Object.keys(tensors)));
  let total = 0;
  for (
    const [name, tensor] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(
      tensors,
    )
  ) {
    const [start, end] = tensor.data_offsets.map((offset) => 8 + headerLength + offset);
    assert.equal(weights.info(name)!.dtype, tensor.dtype);
    assert.deepEqual(weights.info(name)!.shape, tensor.shape);
    assert.deepEqual(await weights.read(name), bytes.slice(start, end));
    total += end! - start!;
  }
  assert.equal(total, bytes.length - 8 - headerLength);
}
