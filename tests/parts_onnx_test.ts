/**
 * Folders of ONNX models: one that PyTorch exported (`tests/make_onnx_fixture.py`) makes the same picture as its
 * safetensors, and what other exporters declare is read from the models.
 */
import assert from "node:assert/strict";
import type { Backend, Port, Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { Pipeline } from "../pipeline/pipeline.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import { encodeModel } from "../graph/onnx_proto.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { maxAbsDifference } from "./_fixtures.ts";
import { cpuBackends, testPath } from "./_networks.ts";
import { encodeStates } from "./_states.ts";

const onnx = await localFolder(testPath("./data/onnx_sd15_tiny"));
const safetensors = await localFolder(testPath("./reference/pipelines/sd15-tiny"));
const request = { prompt: "a red house", negativePrompt: "fog", seed: 3, steps: 3, width: 64, height: 128 };

async function picture(model: Model) {
  await using pipeline = new Pipeline(model);
  const { images: [image], latents } = await pipeline.generate(request);
  return { pixels: image!.data, latents: latents.data };
}

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: an ONNX folder makes the picture of its safetensors`, async () => {
    const expected = await picture(await openModelFolder(safetensors, { backend }));
    const actual = await picture(await openModelFolder(onnx, { backend }));
    // Two exports of one network differ by the order of summation, 1e-6 a call; guidance of 7.5 and three steps later
    // 4e-5 was measured, so that no 8-bit pixel may be off by more than one.
    assert.ok(maxAbsDifference(actual.latents, expected.latents) < 1e-3);
    assert.ok(maxAbsDifference(actual.pixels, expected.pixels) <= 1);
  });

  Deno.test(`${backend.name}: an ONNX folder in memory, with its external data, encodes a picture as its safetensors`, async () => {
    const files: Record<string, Blob> = {};
    for (const file of onnx.files) {
      if (/\.\w+$/.test(file)) files[file] = new Blob([await onnx.read(file) as Uint8Array<ArrayBuffer>]);
    }
    const models = [memoryFolder("onnx", files), safetensors].map((folder) =>
      openModelFolder(folder, { backend })
    );
    const image = {
      data: Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i / 50)),
      shape: [1, 3, 64, 64],
    };
    const latents: Tensor[] = [];
    for await (const model of models) {
      await using vae = await model.vae.get();
      latents.push(await vae.encode(image));
      await using unet = await model.unets.get("base")!.part.get();
      await using predictor = await unet.prepare({
        encoder_hidden_states: { data: new Float32Array(77 * 32).fill(0.1), shape: [1, 77, 32] },
      });
      latents.push(await predictor.predict(latents.at(-1)!, 500));
    }
    const [encoded, predicted, expectedLatent, expected] = latents;
    assert.ok(maxAbsDifference(encoded!.data, expectedLatent!.data) < 1e-4);
    assert.ok(maxAbsDifference(predicted!.data, expected!.data) < 1e-4);
  });
}

/** Says that a model is loaded, and what it was last given. */
interface Recorded {
  readonly backend: Backend;
  readonly calls: Record<string, Tensor<TensorData>>[];
}

/** A backend whose models declare the given ports and give zeros. */
function recorder(
  inputs: Readonly<Record<string, Port["shape"]>>,
  output: { name: string; shape: (rows: number) => number[] },
): Recorded {
  const calls: Recorded["calls"] = [];
  const runner: Runner = {
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, dtype: "float32", shape })),
    outputs: [{ name: output.name, dtype: "float32", shape: output.shape(1) }],
    run(given) {
      calls.push(given as Record<string, Tensor<TensorData>>);
      const shape = output.shape(Object.values(given)[0]!.shape[0]!);
      return Promise.resolve({
        [output.name]: { data: new Float32Array(shape.reduce((a, b) => a * b)), shape },
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { backend: { name: "recorder", load: () => Promise.resolve(runner) }, calls };
}

/** As Microsoft's demonstration: models only. */
const empty = encodeModel({
  irVersion: 10,
  opsetImport: [],
  graph: { name: "empty", node: [], initializer: [], input: [], output: [] },
});
const bare: ModelFolder = memoryFolder("sd-turbo-ort-web", {
  "text_encoder/model.onnx": empty,
  "unet/model.onnx": empty,
  "vae_decoder/model.onnx": empty,
});
const tokenizer = await localFolder(testPath("./reference/pipelines/sd15-tiny/tokenizer"));
const predicted = { name: "noise_pred", shape: (rows: number) => [rows, 4, 8, 8] };
const states = { data: new Float32Array(2 * 77 * 16), shape: [2, 77, 16] };
const latent = { data: new Float32Array(2 * 4 * 64), shape: [2, 4, 8, 8] };

for (
  const [timestep, sample, expected] of [
    [[], ["batch", 4, "h", "w"], [[]]],
    [[1], ["batch", 4, "h", "w"], [[1]]],
    [["steps"], ["batch", 4, "h", "w"], [[1]]],
    [["batch"], ["batch", 4, "h", "w"], [[2]]],
    [[1], [1, 4, 8, 8], [[1], [1]]],
    [[4], [4, 4, 8, 8], [[4]]],
  ] as [Port["shape"], Port["shape"], number[][]][]
) {
  Deno.test(`a timestep declared [${timestep}] beside a sample [${sample}] gets shape ${expected.map((shape) => `[${shape}]`)}`, async () => {
    const { backend, calls } = recorder(
      { sample, timestep, encoder_hidden_states: [sample[0]!, 77, 16] },
      predicted,
    );
    const model = await openModelFolder(bare, { backend, tokenizer });
    assert.deepEqual(model.unets.get("base")!.traits, {});
    await using unet = await model.unets.get("base")!.part.get();
    await using predictor = await unet.prepare({ encoder_hidden_states: states });
    const { shape } = await predictor.predict(latent, 999);
    assert.deepEqual(shape, [2, 4, 8, 8]);
    assert.deepEqual(calls.map(({ timestep }) => timestep!.shape), expected);
    assert.ok(calls.every(({ timestep }) => timestep!.data.every((value) => Number(value) === 999)));
  });
}

Deno.test("a w-conditioned ONNX UNet gets its guidance", async () => {
  const inputs = {
    sample: ["b", 4, 8, 8],
    timestep: [],
    encoder_hidden_states: ["b", 77, 16],
    timestep_cond: ["b", 256],
  };
  const { backend, calls } = recorder(inputs, predicted);
  const model = await openModelFolder(bare, { backend, tokenizer });
  const { traits, part } = model.unets.get("base")!;
  assert.deepEqual(traits, { embeddedGuidance: true });
  await using predictor = await (await part.get()).prepare({ encoder_hidden_states: states }, {
    guidanceScale: 8,
  });
  await predictor.predict(latent, 999);
  assert.deepEqual(calls[0]!.timestep_cond!.shape, [2, 256]);
});

Deno.test("an ONNX text encoder compiled for one row encodes several, and names its states as it likes", async () => {
  const unet = recorder(
    { sample: [1, 4, 8, 8], timestep: [1], encoder_hidden_states: [1, 77, 16] },
    predicted,
  );
  const text = recorder({ input_ids: [1, 77] }, { name: "hidden", shape: (rows) => [rows, 77, 16] });
  const inTurn = [unet, text];
  const backend: Backend = { name: "both", load: (source) => inTurn.shift()!.backend.load(source) };
  const model = await openModelFolder(bare, { tokenizer, backend });
  await using encoder = await model.textEncoder.get();
  const hidden = await encodeStates(encoder, ["a red house", "fog"]);
  assert.deepEqual(hidden.shape, [2, 77, 16]);
  assert.equal(text.calls.length, 2);
  await assert.rejects(encodeStates(encoder, ["a"], { clipSkip: 1 }), UnsupportedModelError);
});

Deno.test("an exported UNet that wants even resolutions says so in pixels", async () => {
  const model = await openModelFolder(onnx, { backend: cpuBackends[1]! });
  await using part = model.unets.get("base")!.part;
  await using predictor = await (await part.get()).prepare({
    encoder_hidden_states: { data: new Float32Array(77 * 32), shape: [1, 77, 32] },
  });
  const odd = { data: new Float32Array(4 * 6 * 8), shape: [1, 4, 6, 8] };
  await assert.rejects(predictor.predict(odd, 500), /RangeError.*64 × 48 pixels.*multiples of 64/);
});

Deno.test("openOnnx says what it cannot do", async () => {
  const ports = { sample: ["b", 4, 8, 8], timestep: [], encoder_hidden_states: ["b", 77, 16] };
  const { backend } = recorder(ports, predicted);
  await assert.rejects(openModelFolder(bare, { backend }), /has no tokenizer.*vocab\.json and merges\.txt/);
  await assert.rejects(
    openModelFolder(bare, { backend, tokenizer, dtype: "int8" }),
    /in int8: it keeps the types/,
  );
  await assert.rejects(
    openModelFolder(bare, { backend, tokenizer, variant: "fp16" }),
    /unet\/model_fp16\.onnx/,
  );
  const xl = recorder({ ...ports, text_embeds: ["b", 1280], time_ids: ["b", 6] }, predicted);
  await assert.rejects(openModelFolder(bare, { backend: xl.backend, tokenizer }), /text_embeds/);
  const model = await openModelFolder(bare, { backend, tokenizer });
  await using vae = await model.vae.get();
  await assert.rejects(vae.encode({ data: new Float32Array(192), shape: [1, 3, 8, 8] }), /no VAE encoder/);
  await using unet = await model.unets.get("base")!.part.get();
  await using predictor = await unet.prepare({ encoder_hidden_states: states });
  await assert.rejects(predictor.predict(latent, 1, { mid: latent }), /residuals.*mid/);
  await assert.rejects(
    predictor.predict({ data: new Float32Array(128), shape: [2, 4, 4, 4] }, 1),
    /32 × 32 pixels/,
  );
});
