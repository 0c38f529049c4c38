/** ONNX graphs of strangers: read before the native runtime sees them. */
import assert from "node:assert/strict";
import { native } from "../../backends/native.ts";
import { runScript } from "../../backends/_testing.ts";
import { encodeModel, type NodeProto, onnxTypes, type TensorProto } from "../../graph/onnx_proto.ts";

const path = (name: string) => new URL(`./onnx/${name}.onnx`, import.meta.url).pathname;

const files: Readonly<Record<string, RegExp>> = {
  onnx_native_abort: /"Resize" has the scales 0\.1/,
  onnx_native_stack_smash: /"Resize" has scales that are no constant list/,
  onnx_native_hang: /it uses the operator "Loop".*wasm backend.*allowOperators: \["Loop"\]/,
};
for (const [name, message] of Object.entries(files)) {
  Deno.test(`${name}.onnx is refused by name on native, from its path and from its bytes`, async () => {
    for (const model of [path(name), Deno.readFileSync(path(name))]) {
      await assert.rejects(native().load({ kind: "onnx", model }), {
        name: "UnsupportedModelError",
        message,
      });
    }
  });
}

const list = (name: string, values: readonly number[]): TensorProto => ({
  name,
  dims: [values.length],
  dataType: onnxTypes.int64,
  rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});
const value = (name: string, size: number) => ({
  name,
  type: { tensorType: { elemType: onnxTypes.float32, shape: { dim: [{ dimValue: size }] } } },
});

/** A model of one node from `x` `[size]` to `y`. */
function model(
  node: Pick<NodeProto, "opType"> & Partial<NodeProto>,
  initializer: readonly TensorProto[] = [],
  { size = 4, functions = [] as { name: string; node: readonly NodeProto[] }[] } = {},
): Uint8Array {
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ version: 17 }, { domain: "own", version: 1 }],
    functions,
    graph: {
      name: "g",
      node: [{ input: ["x", ...initializer.map(({ name }) => name!)], output: ["y"], ...node }],
      initializer,
      input: [value("x", size)],
      output: [value("y", size)],
    },
  });
}

Deno.test("what no export needs and what the runtime mishandles is refused by name, also inside graphs and functions", async () => {
  const loop: NodeProto = { opType: "Loop", input: [], output: ["z"] };
  const inner = { name: "b", node: [loop], initializer: [], input: [], output: [] };
  const refused: readonly (readonly [Uint8Array, RegExp])[] = [
    [model({ opType: "If" }), /operator "If"/],
    [model({ opType: "Scan" }), /operator "Scan"/],
    [model({ opType: "SequenceMap" }), /operator "SequenceMap"/],
    [model({ opType: "Optional" }), /operator "Optional"/],
    [model({ opType: "Neg", attribute: [{ name: "a", type: 5, g: inner }] }), /operator "Loop"/],
    [model({ opType: "Mine", domain: "own" }, [], { functions: [{ name: "Mine", node: [loop] }] }), /"Loop"/],
    [model({ opType: "Neg" }, [], { size: 0 }), /input "x" has a size of 0/],
    [model({ opType: "Slice" }, [list("starts", [2]), list("ends", [2])]), /"Slice" takes an empty window/],
    [model({ opType: "Pad" }, [list("pads", [-1, 0])]), /"Pad" takes elements away/],
  ];
  for (const [bytes, message] of refused) {
    await assert.rejects(native().load({ kind: "onnx", model: bytes }), {
      name: "UnsupportedModelError",
      message,
    });
  }
});

Deno.test("known operators run, and others where they are allowed by name", async () => {
  const x = { data: Float32Array.of(1, 2, 3, 4), shape: [4] };
  await using known = await native().load({ kind: "onnx", model: model({ opType: "Neg" }) });
  assert.deepEqual((await known.run({ x })).y, { data: x.data.map((value) => -value), shape: [4] });
  const hardmax = model({ opType: "Hardmax" });
  await assert.rejects(native().load({ kind: "onnx", model: hardmax }), { name: "UnsupportedModelError" });
  await using allowed = await native({ allowOperators: ["Hardmax"] }).load({ kind: "onnx", model: hardmax });
  assert.deepEqual((await allowed.run({ x })).y, { data: Float32Array.of(0, 0, 0, 1), shape: [4] });
});

Deno.test("on wasm such a file is an error in its sandbox, and the process goes on", async () => {
  const script = `
    import { wasm } from "./backends/wasm.ts";
    for (const name of ["abort", "stack_smash"]) {
      const model = "tests/hostile/onnx/onnx_native_" + name + ".onnx";
      const x = { data: new Float32Array(32), shape: [1, 2, 4, 4] };
      const signal = AbortSignal.timeout(60_000);
      try {
        await using runner = await wasm({ threads: 1 }).load({ kind: "onnx", model }, { signal });
        await runner.run({ x }, { signal });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
    }
    console.log("alive");
  `;
  assert.equal(await runScript(script, ["--allow-read"]), "alive\n");
});
