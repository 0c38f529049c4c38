import assert from "node:assert/strict";
import { bytesOf, counting, onDisk, reference } from "../tests/weights_fixtures.ts";
import { memoryWeights } from "./memory.ts";
import { renameWeights, type TensorSource } from "./rename.ts";
import { openSafetensors } from "./safetensors.ts";

Deno.test("names, parts, matrices and transposes", async () => {
  const source = onDisk(
    memoryWeights({ conv: counting(4, 2, 1, 1), fused: counting(6, 2), other: counting(1) }),
  );
  const weights = renameWeights(
    source,
    new Map<string, string | TensorSource>([
      ["plain", "fused"],
      ["linear", { name: "conv", as: "matrix" }],
      ["second", { name: "fused", as: { part: 1, of: 3 } }],
      ["turned", { name: "fused", as: "transposed" }],
      ["absent", "nothing"],
    ]),
  );
  assert.deepEqual([...weights.names()], ["plain", "linear", "second", "turned"]);
  assert.equal(weights.info("absent"), undefined);
  assert.equal(weights.info("fused"), undefined);
  assert.deepEqual(weights.info("plain"), source.info("fused"));
  assert.deepEqual(weights.info("linear"), { ...source.info("conv"), shape: [4, 2] });
  const file = { path: "a.safetensors", offset: 116, length: 16 };
  assert.deepEqual(weights.info("second"), { dtype: "F32", shape: [2, 2], byteLength: 16, file });
  assert.deepEqual(weights.info("turned"), { dtype: "F32", shape: [2, 6], byteLength: 48 });
  assert.deepEqual(await weights.read("second"), bytesOf(new Float32Array([4, 5, 6, 7])));
  assert.deepEqual(await weights.read("linear"), bytesOf(Float32Array.from({ length: 8 }, (_, i) => i)));
  assert.deepEqual(
    await weights.read("turned"),
    bytesOf(new Float32Array([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11])),
  );
  await assert.rejects(weights.read("absent"), { name: "WeightsError" });
  await weights[Symbol.asyncDispose]();
  assert.ok(source.disposed);
});

Deno.test("a tensor that cannot be seen that way is refused", () => {
  const source = memoryWeights({ a: counting(4) });
  const asked = (as: "transposed" | { part: number; of: number }) => () =>
    renameWeights(source, new Map([["b", { name: "a", as }]]));
  assert.throws(asked("transposed"), /Cannot rename tensor "a": its shape is \[4\], expected a matrix/);
  assert.throws(
    asked({ part: 0, of: 3 }),
    /Cannot rename tensor "a": its shape is \[4\], expected 3 equal parts/,
  );
});

Deno.test("a part's place on disk holds the part's bytes", async () => {
  const path = `${reference}/models/clip_proj/model.safetensors`;
  await using source = await openSafetensors(path);
  const name = "text_model.embeddings.position_embedding.weight";
  const weights = renameWeights(source, new Map([["b", { name, as: { part: 6, of: 11 } }]]));
  const { offset, length } = weights.info("b")!.file!;
  const file = await Deno.readFile(path);
  assert.deepEqual(await weights.read("b"), file.slice(offset, offset + length));
});
