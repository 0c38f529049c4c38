import assert from "node:assert/strict";
import { counting, reference, temporaryFolder } from "../tests/weights_fixtures.ts";
import { memoryWeights } from "./memory.ts";
import { overrideWeights } from "./override.ts";
import { openSafetensors } from "./safetensors.ts";
import { encodeSafetensors, writeSafetensors } from "./write_safetensors.ts";

Deno.test("what Python's safetensors wrote is written again, byte for byte", async () => {
  for (const name of ["pipelines/sd2-tiny/unet/diffusion_pytorch_model", "models/clip_proj/model.fp16"]) {
    const bytes = await Deno.readFile(`${reference}/${name}.safetensors`);
    const weights = await openSafetensors(bytes);
    assert.deepEqual(await encodeSafetensors(weights, { metadata: weights.metadata }), bytes);
  }
});

Deno.test("the data is aligned, and the order does not depend on that of the tensors", async () => {
  const tensors = {
    b: { dtype: "I8", shape: [3], data: new Int8Array([1, 2, 3]) },
    c: { dtype: "F64", shape: [], data: new Float64Array([4]) },
    ä: { dtype: "F16", shape: [1], data: new Uint16Array([5]) },
    a: { dtype: "F16", shape: [1], data: new Uint16Array([6]) },
  } as const;
  const { a, b, c, ä } = tensors;
  const bytes = await encodeSafetensors(memoryWeights(tensors), { metadata: { x: "y" } });
  assert.deepEqual(await encodeSafetensors(memoryWeights({ c, ä, b, a }), { metadata: { x: "y" } }), bytes);
  const headerLength = new DataView(bytes.buffer).getUint32(0, true);
  assert.equal(headerLength % 8, 0);
  const weights = await openSafetensors(bytes);
  assert.deepEqual([...weights.names()], ["c", "a", "ä", "b"]);
  assert.deepEqual(weights.metadata, { x: "y" });
  for (const [name, { data, ...info }] of Object.entries(tensors)) {
    assert.deepEqual(weights.info(name), { ...info, byteLength: data.byteLength });
    assert.deepEqual(await weights.read(name), new Uint8Array(data.buffer));
  }
});

Deno.test("no tensors make a file too", async () => {
  const bytes = await encodeSafetensors(memoryWeights({}));
  assert.deepEqual([...(await openSafetensors(bytes)).names()], []);
});

Deno.test("a file may be written over the one that is read", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/a.safetensors`;
  const before = memoryWeights({ a: counting(3), b: counting(2, 2) });
  await writeSafetensors(path, before);
  {
    await using weights = await openSafetensors(path);
    await writeSafetensors(
      path,
      overrideWeights(
        weights,
        new Map([["c", { ...counting(1), read: () => before.read("a").then((bytes) => bytes.slice(0, 4)) }]]),
      ),
    );
  }
  await using after = await openSafetensors(path);
  assert.deepEqual([...after.names()], ["a", "b", "c"]);
  assert.deepEqual(await after.read("b"), await before.read("b"));
});

Deno.test("a write that fails leaves nothing behind", async () => {
  await using folder = await temporaryFolder();
  const short = { ...memoryWeights({ a: counting(3) }), read: () => Promise.resolve(new Uint8Array(4)) };
  await assert.rejects(
    writeSafetensors(`${folder.path}/a.safetensors`, short),
    /Cannot write tensor "a": it has 4 bytes, expected 12/,
  );
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
