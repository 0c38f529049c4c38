/**
 * The backend against its contract: ports, element types, kept outputs, order, errors, abort, disposal.
 */
import assert from "node:assert/strict";
import type { AnyTensor, Backend, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { DeviceTensor, Tensor } from "../../core/tensor.ts";
import { coremlTest, type ModelName, type ModelSpec, type Rig, specOf, standInTest } from "./_rig.ts";

const half = { data: Float32Array.from({ length: 30 }, (_, i) => i / 4 - 3), shape: [2, 3, 5] };
const float = { data: Float32Array.from({ length: 66 }, (_, i) => Math.sin(i)), shape: [1, 2, 33] };
const whole = { data: new BigInt64Array([1n, -2n, 3n, 2n ** 31n - 1n]), shape: [4] };
const inputs: Readonly<Record<string, AnyTensor>> = { half_: half, float_: float, whole_: whole };

/** Loads one model. */
async function load(backend: Backend, rig: Rig, model: ModelName | ModelSpec): Promise<Runner> {
  const folder = await rig.folder({ Model: model });
  const entries = Array.from(Deno.readDirSync(folder.path), ({ name }) => name);
  const runner = await backend.load({ kind: "coreml", path: `${folder.path}/${entries[0]}` });
  await folder[Symbol.asyncDispose]();
  return runner;
}

/** The Copy model with something changed. */
function variant(change: Partial<ModelSpec>): ModelSpec {
  return { ...specOf("Copy"), ...change };
}

coremlTest("backend: ports are what the model says", async (rig) => {
  await using runner = await load(rig.backend(), rig, "Copy");
  assert.deepEqual(runner.inputs, [
    { name: "float_", dtype: "float32", shape: [1, 2, 33] },
    { name: "half_", dtype: "float16", shape: [2, 3, 5] },
    { name: "whole_", dtype: "int32", shape: [4] },
  ]);
  assert.deepEqual(runner.outputs.map(({ name, dtype }) => [name, dtype]), [
    ["float_1", "float32"],
    ["half_1", "float16"],
    ["half_2", "float32"],
    ["whole_1", "int32"],
  ]);
});

for (const worker of [true, false]) {
  coremlTest(
    `backend: every element type passes ${worker ? "through the worker" : "in place"}`,
    async (rig) => {
      await using runner = await load(rig.backend({ worker }), rig, "Copy");
      const outputs = await runner.run(inputs);
      assert.deepEqual(outputs["half_1"], half);
      assert.deepEqual(outputs["half_2"], half);
      assert.deepEqual(outputs["float_1"], float);
      assert.deepEqual(outputs["whole_1"], { data: Int32Array.from(whole.data, Number), shape: [4] });
      assert.equal(float.data.length, 66, "the caller's memory stays the caller's");
    },
  );
}

standInTest("backend: padded rows are read by their strides", async (rig) => {
  await using runner = await load(rig.backend(), rig, variant({ padded: true }));
  const outputs = await runner.run(inputs);
  assert.deepEqual(outputs["half_1"], half);
  assert.deepEqual(outputs["float_1"], float);
});

coremlTest("backend: a view into a larger buffer is an input like any other", async (rig) => {
  await using runner = await load(rig.backend(), rig, "Copy");
  const larger = new Float32Array([9, 9, ...half.data, 9]);
  const { half_1 } = await runner.run({
    ...inputs,
    half_: { data: larger.subarray(2, 32), shape: [2, 3, 5] },
  });
  assert.deepEqual(half_1, half);
});

standInTest("backend: free sizes have names, and any size", async (rig) => {
  const feature = { shape: [1, 3], dtype: "float32", flexible: true };
  const model = {
    function: "copy",
    inputs: { a_: feature },
    outputs: { a_1: { shape: [1, 3], dtype: "float32" } },
  };
  await using runner = await load(rig.backend(), rig, model);
  assert.deepEqual(runner.inputs, [{ name: "a_", dtype: "float32", shape: ["a_.0", "a_.1"] }]);
  const { a_1 } = await runner.run({ a_: { data: new Float32Array([1, 2, 3, 4]), shape: [1, 4] } });
  assert.deepEqual((a_1 as Tensor).data, new Float32Array([1, 2, 3]));
});

coremlTest(
  "backend: a kept output is read, and is an input of any element type, until it is disposed",
  async (rig) => {
    const backend = rig.backend();
    await using first = await load(backend, rig, "Copy");
    await using second = await load(backend, rig, "Copy");
    const { half_1, half_2 } = await first.run(inputs, { keep: ["half_1", "half_2"] }) as Record<
      string,
      DeviceTensor
    >;
    assert.deepEqual(half_1!.shape, [2, 3, 5]);
    assert.deepEqual(await half_2!.read(), half);
    for (const kept of [half_1!, half_2!]) {
      const again = await second.run({ ...inputs, half_: kept });
      assert.deepEqual(again["half_1"], half);
      kept[Symbol.dispose]();
      kept[Symbol.dispose]();
      await assert.rejects(kept.read(), /has been disposed/);
      await assert.rejects(second.run({ ...inputs, half_: kept }), /has been disposed/);
    }
  },
);

coremlTest("backend: a kept output outlives its runner", async (rig) => {
  const runner = await load(rig.backend(), rig, "Copy");
  const { half_2 } = await runner.run(inputs, { keep: ["half_2"] }) as Record<string, DeviceTensor>;
  await runner[Symbol.asyncDispose]();
  assert.deepEqual(await half_2!.read(), half);
  half_2![Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 50));
});

coremlTest("backend: a tensor of another backend is refused", async (rig) => {
  await using here = await load(rig.backend(), rig, "Copy");
  await using there = await load(rig.backend(), rig, "Copy");
  const { half_1 } = await there.run(inputs, { keep: ["half_1"] }) as Record<string, DeviceTensor>;
  await assert.rejects(here.run({ ...inputs, half_: half_1! }), {
    name: "TypeError",
    message: /another backend/,
  });
  half_1![Symbol.dispose]();
});

coremlTest("backend: inputs that do not fit are named", async (rig) => {
  await using runner = await load(rig.backend(), rig, "Copy");
  const run = (change: Record<string, AnyTensor>) => runner.run({ ...inputs, ...change });
  const { half_: _, ...without } = inputs;
  await assert.rejects(runner.run(without), { name: "TypeError", message: /input "half_" is missing/ });
  await assert.rejects(run({ other: half }), {
    name: "TypeError",
    message: /no input "other", expected float_, half_, whole_/,
  });
  await assert.rejects(run({ half_: { data: half.data, shape: [6, 5] } }), {
    name: "TypeError",
    message: /\[6,5\].*3 dimensions/,
  });
  await assert.rejects(run({ half_: { data: half.data, shape: [3, 2, 5] } }), {
    name: "RangeError",
    message: /"half_" has shape \[3,2,5\], expected \[2,3,5\]/,
  });
  await assert.rejects(run({ half_: { data: new Float32Array(29), shape: [2, 3, 5] } }), {
    name: "RangeError",
    message: /29 elements/,
  });
  await assert.rejects(runner.run(inputs, { keep: ["nothing"] }), {
    name: "TypeError",
    message: /no output "nothing"/,
  });
  assert.deepEqual((await runner.run(inputs))["half_1"], half, "and the runner goes on");
});

coremlTest("backend: a model that is not there, or is none, is an error", async (rig) => {
  const backend = rig.backend();
  const missing = { kind: "coreml", path: "/no/such/Unet.mlmodelc" } as const;
  await assert.rejects(backend.load(missing), {
    name: "UnsupportedModelError",
    message: /Unet\.mlmodelc": there is no such/,
  });
  const folder = await Deno.makeTempDir({ suffix: ".mlmodelc" });
  await assert.rejects(backend.load({ kind: "coreml", path: folder }), (error: Error) => {
    assert(error instanceof UnsupportedModelError);
    assert.match(
      error.message,
      /^Cannot load Core ML model ".*\.mlmodelc": .+ \(com\.apple\.CoreML, code \d+\)\.$/,
    );
    return true;
  });
  await Deno.remove(folder);
});

standInTest("backend: the framework's own errors are thrown in its words", async (rig) => {
  const backend = rig.backend();
  await assert.rejects(load(backend, rig, variant({ unloadable: "Error in declaring network." })), {
    name: "UnsupportedModelError",
    message: /^Cannot load Core ML model ".+": Error in declaring network \(com.apple.CoreML, code 0\)\.$/,
  });
  await using failing = await load(
    backend,
    rig,
    variant({ failing: "Failed to build the model execution plan." }),
  );
  await assert.rejects(failing.run(inputs), {
    name: "Error",
    message:
      /^Cannot run Core ML model ".+": Failed to build the model execution plan \(com.apple.CoreML, code 0\)\.$/,
  });
});

standInTest("backend: pictures and unknown element types are refused by name", async (rig) => {
  const image = { ...specOf("Copy").inputs["half_"]!, image: true };
  await assert.rejects(load(rig.backend(), rig, variant({ inputs: { picture: image } })), {
    name: "UnsupportedModelError",
    message: /feature "picture" is not a multi-array/,
  });
  const int8 = { shape: [4], dtype: String(0x20000 | 8) };
  await assert.rejects(load(rig.backend(), rig, variant({ inputs: { tiny: int8 } })), {
    name: "UnsupportedModelError",
    message: /data type 131080/,
  });
});

coremlTest("backend: it says which sources it runs", async (rig) => {
  await assert.rejects(rig.backend().load({ kind: "onnx", model: "model.onnx" }), {
    name: "UnsupportedModelError",
    message: /kind "onnx".*native\(\{ provider: "coreml" \}\)/,
  });
});

coremlTest("backend: calls at the same time are served one after the other", async (rig) => {
  await using runner = await load(rig.backend(), rig, "Copy");
  const scaled = [1, 2, 3, 4].map((factor) => ({ ...half, data: half.data.map((value) => value * factor) }));
  const outputs = await Promise.all(scaled.map((half_) => runner.run({ ...inputs, half_ })));
  assert.deepEqual(outputs.map(({ half_2 }) => half_2), scaled);
});

coremlTest("backend: a runner that is disposed says so", async (rig) => {
  const runner = await load(rig.backend(), rig, "Copy");
  const last = runner.run(inputs);
  await runner[Symbol.asyncDispose]();
  await runner[Symbol.asyncDispose]();
  assert.deepEqual((await last)["half_1"], half);
  await assert.rejects(runner.run(inputs), /has been disposed/);
});
