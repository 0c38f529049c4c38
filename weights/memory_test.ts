import assert from "node:assert/strict";
import { bytesOf } from "../tests/weights_fixtures.ts";
import { memoryWeights } from "./memory.ts";

Deno.test("only the bytes that a view covers, copied when read", async () => {
  const buffer = new Float32Array([0, 1, 2, 3]);
  const weights = memoryWeights({ a: { dtype: "F32", shape: [2], data: buffer.subarray(1, 3) } });
  assert.deepEqual([...weights.names()], ["a"]);
  (await weights.read("a")).fill(0);
  assert.deepEqual(await weights.read("a"), bytesOf(new Float32Array([1, 2])));
  assert.equal(weights.info("b"), undefined);
  await assert.rejects(weights.read("b"), { name: "WeightsError" });
});

Deno.test("data that does not fill its shape is refused", () => {
  const wrong = { dtype: "F16", shape: [3], data: new Uint16Array(2) } as const;
  assert.throws(
    () => memoryWeights({ a: wrong }),
    /Cannot hold tensor "a": F16 \[3\] takes 6 bytes, but its data has 4/,
  );
});
