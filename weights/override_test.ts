import assert from "node:assert/strict";
import { bytesOf, counting, onDisk } from "../tests/weights_fixtures.ts";
import { memoryWeights } from "./memory.ts";
import { overrideWeights } from "./override.ts";

Deno.test("computed tensors have no place on disk; the others keep theirs", async () => {
  const source = onDisk(memoryWeights({ a: counting(2), b: counting(2) }));
  const computed = (values: number[]) => ({
    dtype: "F32" as const,
    shape: [values.length],
    read: () => Promise.resolve(bytesOf(new Float32Array(values))),
  });
  const weights = overrideWeights(source, new Map([["b", computed([5])], ["c", computed([6, 7])]]));
  assert.deepEqual([...weights.names()], ["a", "b", "c"]);
  assert.equal(weights.info("a")!.file!.offset, 100);
  assert.deepEqual(weights.info("b"), { dtype: "F32", shape: [1], byteLength: 4 });
  assert.deepEqual(await weights.read("a"), bytesOf(new Float32Array([0, 1])));
  assert.deepEqual(await weights.read("b"), bytesOf(new Float32Array([5])));
  assert.deepEqual(await weights.read("c"), bytesOf(new Float32Array([6, 7])));
  assert.equal(weights.info("d"), undefined);
  await weights[Symbol.asyncDispose]();
  assert.ok(source.disposed);
});

Deno.test("bytes of another size than the description are refused", async () => {
  const wrong = { dtype: "F32" as const, shape: [2], read: () => Promise.resolve(new Uint8Array(4)) };
  const weights = overrideWeights(memoryWeights({}), new Map([["a", wrong]]));
  await assert.rejects(weights.read("a"), /Cannot compute tensor "a": got 4 bytes, expected 8/);
});
