/**
 * Our networks against diffusers' and transformers' numbers, on every ONNX backend of this machine.
 *
 * The limit is 1e-4: the fixtures state that float32 differs from float64 by about 1e-6 to 5e-6 at an output spread
 * of about 1, and another order of summation lands within a few times that.
 */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { guidanceFeatures, sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";

const tolerance = 1e-4;
const backends: readonly Backend[] = [wasm({ worker: false, threads: 1 }), native()];

for (const backend of backends) {
  for (
    const name of [
      "unet_sd15",
      "unet_sd2",
      "unet_nomid",
      "unet_nomid_down_first",
      "unet_lcm",
      "unet_small4",
      "unet_inpaint9",
    ]
  ) {
    Deno.test(`${backend.name}: ${name}`, () => checkUnet(backend, name));
  }
  Deno.test(`${backend.name}: unet_inpaint9 from a float16 file`, () =>
    checkUnet(backend, "unet_inpaint9", ".fp16"));
  for (const name of ["clip_sd15", "clip_sd2"]) {
    Deno.test(`${backend.name}: ${name}`, () => checkClipText(backend, name));
  }
  for (const name of ["vae_sd15", "vae_sd2"]) {
    Deno.test(`${backend.name}: ${name}`, () => checkAutoencoderKL(backend, name));
  }
}

interface UnetCases {
  readonly weights: string;
  readonly cases: readonly { readonly index: number; readonly timestep: number | readonly number[] }[];
}

async function checkUnet(backend: Backend, name: string, variant = ""): Promise<void> {
  const { weights: folder, cases } = await readJson<UnetCases>(`models/${name}/cases.json`);
  const io = await readFixture(`models/${name}/io.safetensors`);
  const config = readUnetConfig(await readJson(`${folder}/config.json`));
  await using weights = await openWeights(`${folder}/diffusion_pytorch_model${variant}.safetensors`);
  const expected = variant === "" ? "out" : "out_fp16_weights";
  for (const masked of [false, true]) {
    const chosen = cases.filter(({ index }) =>
      io.has(`case${index}.${expected}`) && io.has(`case${index}.encoder_attention_mask`) === masked
    );
    if (chosen.length === 0) continue;
    const graph = unet(config, { attentionMask: masked });
    await using runner = await backend.load({ kind: "graph", graph, weights });
    for (const { index, timestep } of chosen) {
      const optional = ["encoder_attention_mask", "timestep_cond"].filter((input) =>
        io.has(`case${index}.${input}`)
      );
      const inputs = ["sample", "encoder_hidden_states", ...optional].map((
        input,
      ) => [input, io.float32(`case${index}.${input}`)]);
      const rows = io.float32(`case${index}.sample`).shape[0]!;
      const timesteps = typeof timestep === "number" ? Array<number>(rows).fill(timestep) : timestep;
      const time_features = sinusoids(timesteps, { ...config, features: config.timeFeatures });
      const { out_sample } = await runner.run({ ...Object.fromEntries(inputs), time_features });
      assertClose(out_sample, io.float32(`case${index}.${expected}`), `case ${index}`);
    }
  }
}

async function checkClipText(backend: Backend, name: string): Promise<void> {
  const { weights: folder } = await readJson<{ weights: string }>(`models/${name}/cases.json`);
  const config = readClipTextConfig(await readJson(`${folder}/config.json`));
  await using weights = await openWeights(`${folder}/model.safetensors`);
  for (const [file, skips] of [["io", [0, 1, 2]], ["io_unpadded", [0]]] as const) {
    const io = await readFixture(`models/${name}/${file}.safetensors`);
    const ids = io.get("input_ids")! as Tensor<BigInt64Array>;
    for (const clipSkip of skips) {
      const expected = io.float32(clipSkip === 0 ? "last_hidden_state" : `clip_skip${clipSkip}.normed`);
      await using runner = await backend.load({
        kind: "graph",
        graph: clipText(config, { clipSkip }),
        weights,
      });
      const [rows, tokens] = expected.shape as [number, number];
      const { last_hidden_state } = await runner.run({
        input_ids: { data: ids.data.slice(0, rows * tokens), shape: [rows, tokens] },
        position_ids: { data: Int32Array.from({ length: tokens }, (_, i) => i), shape: [tokens] },
      });
      assertClose(last_hidden_state, expected, `${file} clip skip ${clipSkip}`);
    }
  }
}

async function checkAutoencoderKL(backend: Backend, name: string): Promise<void> {
  const { weights: folder, cases } = await readJson<{ weights: string; cases: unknown[] }>(
    `models/${name}/cases.json`,
  );
  const io = await readFixture(`models/${name}/io.safetensors`);
  const config = readAutoencoderKLConfig(await readJson(`${folder}/config.json`));
  await using weights = await openWeights(`${folder}/diffusion_pytorch_model.safetensors`);
  const load = (graph: Graph) => backend.load({ kind: "graph", graph, weights });
  await using encoder = await load(autoencoderKLEncoder(config));
  await using decoder = await load(autoencoderKLDecoder(config));
  for (const i of cases.keys()) {
    const { moments } = await encoder.run({ sample: io.float32(`case${i}.image`) });
    const [mean, logvar] = [io.float32(`case${i}.mean`), io.float32(`case${i}.logvar`)];
    const expected = Float32Array.from([...mean.data, ...logvar.data]);
    assertClose(
      moments,
      { data: expected, shape: mean.shape.with(1, 2 * mean.shape[1]!) },
      `case ${i} encoded`,
    );
    const { sample } = await decoder.run({ latent_sample: io.float32(`case${i}.latents`) });
    assertClose(sample, io.float32(`case${i}.decoded`), `case ${i} decoded`);
  }
}

function openWeights(path: string): ReturnType<typeof openSafetensors> {
  return openSafetensors(new URL(`./reference/${path}`, import.meta.url).pathname);
}

function assertClose(actual: unknown, expected: Tensor, what: string): void {
  const { data, shape } = actual as Tensor<TensorData>;
  assert.deepEqual(shape, expected.shape, what);
  const difference = maxAbsDifference(data as Float32Array, expected.data);
  assert.ok(
    difference <= tolerance,
    `${what}: largest difference ${difference}, expected at most ${tolerance}`,
  );
}
