import assert from "node:assert/strict";
import * as ort from "onnxruntime-node";
import { decodeModel, encodeModel, onnxTypes } from "../graph/onnx_proto.ts";
import { maxAbsDifference } from "../tests/_fixtures.ts";
import { toFloat16, toFloat32 } from "../weights/convert.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { Weights } from "../weights/weights.ts";
import { type Lora, mergeLoraIntoOnnx, type OnnxModel, onnxModules, readLora } from "./mod.ts";

// Written by tests/data/lora_onnx/make.py with PyTorch, merging by itself.
const folder = new URL("../tests/data/lora_onnx/", import.meta.url);
const scale = 0.7;
// One call of a small network in float32.
const tolerance = 1e-5;

Deno.test("merges into external data: linear, transposed, 1 × 1 and 3 × 3 weights", async () => {
  const onnx = await openOnnx();
  assert.ok(await distance(onnx, "without") <= tolerance);
  const before = onnx.model.slice();
  mergeLoraIntoOnnx(onnx, "unet", [{ lora: await openLora(onnx), scale }]);
  assert.ok(await distance(onnx, "with") <= tolerance);
  assert.deepEqual(onnx.model, before, "the model itself is not touched");
});

Deno.test("merges into a model that holds its weights", async () => {
  const onnx = await inlined(await openOnnx());
  mergeLoraIntoOnnx(onnx, "unet", [{ lora: await openLora(onnx), scale }]);
  assert.ok(await distance(onnx, "with") <= tolerance);
});

Deno.test("a float16 weight is rounded once, after the merge", () => {
  const weight = Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6);
  const model = encodeModel({
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: {
      name: "half",
      node: [{
        opType: "MatMul",
        name: "/mid_block/to_q/MatMul",
        input: ["x", "onnx::MatMul_1"],
        output: ["y"],
      }],
      initializer: [{
        name: "onnx::MatMul_1",
        dims: [3, 2],
        dataType: onnxTypes.float16,
        rawData: new Uint8Array(toFloat16(weight).buffer),
      }],
      input: [],
      output: [],
    },
  });
  assert.deepEqual([...onnxModules(model)], [["mid_block.to_q", [2, 3]]]);
  const product = {
    up: { data: Float32Array.of(1, 2), shape: [2, 1] },
    down: { data: Float32Array.of(10, 20, 30), shape: [1, 3] },
  };
  const lora: Lora = {
    layers: [{ target: "unet", module: "mid_block.to_q", kind: "LoRA", lowRank: product, scale: 1 }],
    unmatched: [],
  };
  mergeLoraIntoOnnx({ model }, "unet", [{ lora }]);
  const { rawData } = decodeModel(model).graph.initializer[0]!;
  const rounded = toFloat32(new Uint8Array(toFloat16(weight).buffer), "F16");
  const expected = rounded.map((value, i) => value + [10, 20, 20, 40, 30, 60][i]!);
  assert.deepEqual(Uint8Array.from(rawData!), new Uint8Array(toFloat16(expected).buffer));
});

Deno.test("missing external data, unknown modules and nameless models are errors, before anything changes", async () => {
  const onnx = await openOnnx();
  const lora = await openLora(onnx);
  assert.throws(() => mergeLoraIntoOnnx({ model: onnx.model }, "unet", [{ lora }]), {
    name: "WeightsError",
    message: /expected the external data "model.onnx_data"/,
  });
  const stranger = { ...lora.layers[0]!, module: "mid_block.resnets.7.conv1" };
  const before = onnx.externalData![0]!.data.slice();
  const layers = [...lora.layers, stranger];
  assert.throws(() => mergeLoraIntoOnnx(onnx, "unet", [{ lora: { ...lora, layers } }]), {
    name: "WeightsError",
    message: /"mid_block.resnets.7.conv1"/,
  });
  assert.deepEqual(onnx.externalData![0]!.data, before);
  const nameless = {
    irVersion: 10,
    opsetImport: [],
    graph: { name: "", node: [], initializer: [], input: [], output: [] },
  };
  assert.throws(() => onnxModules(encodeModel(nameless)), { name: "UnsupportedModelError" });
});

async function openOnnx(): Promise<OnnxModel> {
  const read = (name: string) => Deno.readFile(new URL(name, folder));
  return {
    model: await read("model.onnx"),
    externalData: [{ location: "model.onnx_data", data: await read("model.onnx_data") }],
  };
}

async function openLora({ model }: OnnxModel): Promise<Lora> {
  await using file = await openSafetensors(new URL("lora.safetensors", folder).pathname);
  return await readLora(file, { unet: onnxModules(model) });
}

/** The same model with its weights inside. */
function inlined({ model, externalData }: OnnxModel): OnnxModel {
  const decoded = decodeModel(model);
  const initializer = decoded.graph.initializer.map(
    ({ externalData: place = [], dataLocation, ...tensor }) => {
      if (dataLocation !== 1) return tensor;
      const field = (key: string) => Number(place.find((entry) => entry.key === key)!.value);
      const rawData = externalData![0]!.data.slice(field("offset"), field("offset") + field("length"));
      return { ...tensor, rawData };
    },
  );
  return { model: encodeModel({ ...decoded, graph: { ...decoded.graph, initializer } }) };
}

/** Largest difference of the model's output from the expected one. */
async function distance({ model, externalData = [] }: OnnxModel, key: string): Promise<number> {
  await using expected = await openSafetensors(new URL("expected.safetensors", folder).pathname);
  const session = await ort.InferenceSession.create(model, {
    externalData: externalData.map(({ location, data }) => ({ path: location, data })),
  });
  const inputs = await Promise.all(
    session.inputNames.map(async (name) => [name, await tensor(expected, name)]),
  );
  const { out_sample } = await session.run(Object.fromEntries(inputs));
  await session.release();
  return maxAbsDifference(
    out_sample!.data as Float32Array,
    (await tensor(expected, key)).data as Float32Array,
  );
}

async function tensor(weights: Weights, name: string): Promise<ort.Tensor> {
  return new ort.Tensor("float32", toFloat32(await weights.read(name), "F32"), weights.info(name)!.shape);
}
