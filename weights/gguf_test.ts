import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { WeightsError } from "../core/errors.ts";
import { lowbitCases, lowbitPath } from "../tests/_lowbit.ts";
import { randomIntegers } from "../tests/weights_fixtures.ts";
import { openGguf } from "./gguf.ts";
import type { RandomAccess } from "./random_access.ts";
import { readFloat32 } from "./read_float.ts";
import { openSafetensors } from "./safetensors.ts";

interface Pair {
  readonly file: string;
  readonly expected: string;
}

const types = await lowbitCases<Pair & { readonly tensors: readonly { name: string; type: string }[] }>(
  "gguf_types",
);
const oddities = await lowbitCases<readonly Pair[]>("gguf_oddities");
const alignments = await lowbitCases<readonly Pair[]>("gguf_alignment");
const metadata = await lowbitCases<
  Pair & { readonly key_values: Record<string, { type: string; element?: string; value: unknown }> }
>("gguf_metadata");

for (const { file, expected } of [types, metadata, ...oddities, ...alignments]) {
  Deno.test(`${file}: every value has the bits that ggml gives it`, async () => {
    await using actual = await openGguf(lowbitPath(file));
    await using wanted = await openSafetensors(lowbitPath(expected));
    assert.deepEqual(new Set(actual.names()), new Set(wanted.names()));
    for (const name of wanted.names()) {
      assert.deepEqual(actual.info(name)!.shape, wanted.info(name)!.shape, name);
      const [left, right] = [await readFloat32(actual, name), await readFloat32(wanted, name)];
      assert.deepEqual(new Uint32Array(left.buffer), new Uint32Array(right.buffer), name);
    }
  });
}

Deno.test("a tensor says its encoding; ordinary types have none", async () => {
  await using file = await openGguf(lowbitPath(types.file));
  const plain = new Set(["F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64"]);
  for (const { name, type } of types.tensors) {
    const { dtype, encoding } = file.info(name)!;
    if (plain.has(type)) assert.deepEqual([dtype, encoding], [type, undefined]);
    else assert.deepEqual([dtype, encoding], ["U8", { kind: type, block: /_K$|XS$/.test(type) ? 256 : 32 }]);
  }
});

Deno.test("keys of every type, and arrays of each", async () => {
  await using file = await openGguf(lowbitPath(metadata.file));
  const names = { str: "string", u: "uint", i: "int", f: "float" } as const;
  const named = (type: string) =>
    type.toLowerCase().replace(/^(str|u|i|f)(?=\d|$)/, (start) => names[start as keyof typeof names]);
  assert.equal(file.values.size, Object.keys(metadata.key_values).length);
  for (const [key, { type, element, value }] of Object.entries(metadata.key_values)) {
    const wide = /64$/.test(element ?? type) && !(element ?? type).startsWith("F");
    const exact = (each: unknown) => wide ? BigInt(each as string) : each;
    assert.deepEqual(file.values.get(key), {
      type: named(element ?? type),
      value: Array.isArray(value) ? value.map(exact) : exact(value),
    });
  }
  assert.equal(file.metadata["general.architecture"], "lowbit-test");
});

Deno.test("types that are not read are refused by name", async () => {
  await assert.rejects(openGguf(lowbitPath("gguf/types_rare.gguf")), {
    name: "WeightsError",
    message: /: tensor "TQ1_0\.random_bits" has the type TQ1_0, which is not supported\.$/,
  });
});

/** Whole networks, as ComfyUI and stable-diffusion.cpp write them. */
const models = await lowbitCases<
  { files: readonly { file: string; listing: string; tensor_count: number }[] }
>("gguf_models");

for (const { file, listing, tensor_count } of models.files) {
  Deno.test(`${file}: shapes and values of all encoded and reshaped tensors`, async () => {
    await using weights = await openGguf(lowbitPath(file));
    assert.equal([...weights.names()].length, tensor_count);
    const { rows }: { rows: readonly [string, string, number[], number[], string, number][] } = JSON.parse(
      await Deno.readTextFile(lowbitPath(listing)),
    );
    for (const [name, type, , shape, sum] of rows) {
      const info = weights.info(name)!;
      assert.deepEqual([info.encoding?.kind ?? info.dtype, info.shape], [type, shape], name);
      const values = await readFloat32(weights, name);
      assert.equal(createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex"), sum, name);
    }
  });
}

const errors = await lowbitCases<readonly { file: string; expect: string; says: string }[]>("errors");

Deno.test("broken files give one error that names the file, suspicious ones are right", async () => {
  for (const { file, expect, says } of errors) {
    const path = lowbitPath(file);
    const opened = await openGguf(path).catch((error: Error) => error);
    if (opened instanceof Error) {
      assert.match(expect, /refuse/, `${file}: ${opened.message}`);
      assert.ok(opened instanceof WeightsError, `${file}: ${opened}`);
      assert.ok(
        opened.message.startsWith(`Cannot open "${path}": `) && opened.message.length < path.length + 300,
      );
    } else {
      assert.match(expect, /read/, `${file} was opened: ${says}`);
      for (const name of opened.names()) await readFloat32(opened, name);
      await opened[Symbol.asyncDispose]();
    }
  }
});

Deno.test("what an error says: place, state and what was wanted", async () => {
  const messages: Readonly<Record<string, RegExp>> = {
    empty: /the file is empty/,
    wrong_magic: /not a GGUF file \(it begins with "GGML", an older format\)/,
    version_1: /GGUF version is 1, expected 2 or 3/,
    big_endian: /big-endian .* expected a little-endian one/,
    truncated_data: /"b\.weight" ends beyond the file: .* 66 of them are missing/,
    offset_huge: /"a\.weight" ends beyond the file: .* offset 18446744073709551584/,
    removed_type_q4_2: /"a\.weight" has the type 4 \(Q4_2\), which was removed/,
    row_not_a_block: /"a\.weight" has rows of 33 values, no multiple of Q8_0's block of 32/,
    dims_product_overflow: /\[4294967296,4294967296\] values, more than a file can hold/,
    duplicate_key: /the key "general\.architecture" occurs twice/,
    alignment_not_u32: /general\.alignment is not of type uint32/,
    array_nested_1000: /key "k" has arrays inside an array/,
    orig_shape_wrong_product:
      /"a\.weight": its comfy\.gguf\.orig_shape\.\* says 16 values, the tensor has 15/,
  };
  for (const [name, message] of Object.entries(messages)) {
    await assert.rejects(openGguf(lowbitPath(`errors/${name}.gguf`)), { name: "WeightsError", message });
  }
});

/** Bytes that refuse to give more than they have, and know the largest read. */
function watched(bytes: Uint8Array): RandomAccess & { largest: number; total: number } {
  return {
    size: bytes.length,
    largest: 0,
    total: 0,
    // deno-lint-ignore require-await -- the contract is asynchronous
    async read(offset, length) {
      assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length, `${offset} + ${length}`);
      this.largest = Math.max(this.largest, length);
      this.total += length;
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

Deno.test("opening reads the header alone", async () => {
  const bytes = await Deno.readFile(lowbitPath("gguf/sdcpp-sd1-tiny-q8_0.gguf"));
  const source = watched(bytes);
  await using _ = await openGguf(source);
  assert.ok(source.total < 2.5 * 2 ** 16, `${source.total} of ${bytes.length}`);
});

Deno.test("changed files give an error or values; nothing is read beyond the file", async () => {
  const names = [
    "errors/good",
    "gguf/metadata",
    "gguf/align8",
    "errors/orig_shape_of_nobody",
    "gguf/odd_no_final_padding",
  ];
  const originals = await Promise.all(names.map((name) => Deno.readFile(lowbitPath(`${name}.gguf`))));
  const count = Deno.env.get("LONG") === "1" ? 100_000 : 1000;
  const next = randomIntegers(18);
  let opened = 0;
  for (let i = 0; i < count; i++) {
    const bytes = mutated(originals[i % originals.length]!, next);
    const source = watched(bytes);
    const file = await openGguf(source).catch((error: unknown) => error);
    if (file instanceof Error) {
      assert.ok(file instanceof WeightsError && file.message.length < 1000, `${i}: ${file.stack}`);
      continue;
    }
    opened++;
    for (const name of (file as Awaited<ReturnType<typeof openGguf>>).names()) {
      const weights = file as Awaited<ReturnType<typeof openGguf>>;
      const elements = weights.info(name)!.shape.reduce((product, size) => product * size, 1);
      assert.equal((await readFloat32(weights, name)).length, elements, `${i}: ${name}`);
    }
  }
  assert.ok(opened > count / 20 && opened < count, `${opened} of ${count} were opened`);
});

/** One to three changes: a byte, an extreme number over four or eight of them, a cut, a piece put in or taken out. */
function mutated(original: Uint8Array, next: (bound: number) => number): Uint8Array {
  let bytes = original.slice();
  for (let changes = 1 + next(3); changes > 0; changes--) {
    const at = next(bytes.length);
    switch (next(6)) {
      case 0:
        bytes[at] = next(256);
        break;
      case 1:
        bytes[at]! ^= 1 << next(8);
        break;
      case 2:
        bytes.set([0, 1, 255, 127, 128].slice(next(5)).slice(0, 1), at);
        break;
      case 3:
        bytes.fill([0, 255, 127][next(3)]!, at, at + (next(2) === 0 ? 4 : 8));
        break;
      case 4:
        if (next(4) === 0) bytes = bytes.slice(0, Math.max(at, 1));
        break;
      case 5: {
        const piece = original.subarray(next(original.length)).subarray(0, next(16));
        const end = next(2) === 0 ? at : Math.min(bytes.length, at + piece.length);
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(end)]);
      }
    }
    if (bytes.length === 0) return original;
  }
  return bytes;
}
