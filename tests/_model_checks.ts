/** The networks of the reference against its numbers, on any backend. */
import assert from "node:assert/strict";
import type { Backend, ComputeType, LoadOptions, Runner } from "../backends/backend.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { openWeights } from "../weights/open_weights.ts";
import type { Weights } from "../weights/weights.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";

/** Where the networks run, and how far from the reference they may be. */
export interface Place {
  readonly backend: Backend;
  readonly dtype?: ComputeType;
  /** Largest absolute difference. */
  readonly tolerance: number;
}

/** The UNets of `tests/reference/models`. */
export const unets: readonly string[] = [
  "unet_sd15",
  "unet_sd2",
  "unet_nomid",
  "unet_nomid_down_first",
  "unet_lcm",
  "unet_small4",
  "unet_inpaint9",
];

interface UnetCases {
  readonly weights: string;
  readonly cases: readonly { readonly index: number; readonly timestep: number | readonly number[] }[];
}

/** All cases of a UNet; `variant` `.fp16` reads the weights from the half-precision file. */
export async function checkUnet(place: Place, name: string, variant: "" | ".fp16" = ""): Promise<void> {
  const { weights: folder, cases } = await readJson<UnetCases>(`models/${name}/cases.json`);
  const io = await readFixture(`models/${name}/io.safetensors`);
  const config = readUnetConfig(await readJson(`${folder}/config.json`));
  await using weights = await open(`${folder}/diffusion_pytorch_model${variant}.safetensors`);
  const expected = variant === "" ? "out" : "out_fp16_weights";
  for (const attentionMask of [false, true]) {
    const chosen = cases.filter(({ index }) =>
      io.has(`case${index}.${expected}`) && io.has(`case${index}.encoder_attention_mask`) === attentionMask
    );
    if (chosen.length === 0) continue;
    await using runner = await load(place, unet(config, { attentionMask }), weights);
    for (const { index, timestep } of chosen) {
      const given = Object.fromEntries(
        runner.inputs.filter(({ name }) => io.has(`case${index}.${name}`)).map(({ name }) => [
          name,
          io.float32(`case${index}.${name}`),
        ]),
      );
      const rows = given.sample!.shape[0]!;
      const timesteps = typeof timestep === "number" ? Array<number>(rows).fill(timestep) : timestep;
      const time_features = sinusoids(timesteps, { ...config, features: config.timeFeatures });
      const { out_sample } = await runner.run({ ...given, time_features });
      check(place, out_sample, io.float32(`case${index}.${expected}`), `case ${index}`);
    }
  }
}

/** All texts of a CLIP text encoder, and those with layers skipped. */
export async function checkClipText(place: Place, name: string): Promise<void> {
  const { weights: folder } = await readJson<{ weights: string }>(`models/${name}/cases.json`);
  const config = readClipTextConfig(await readJson(`${folder}/config.json`));
  await using weights = await open(`${folder}/model.safetensors`);
  for (const [file, skips] of [["io", [0, 1, 2]], ["io_unpadded", [0]]] as const) {
    const io = await readFixture(`models/${name}/${file}.safetensors`);
    const ids = io.get("input_ids")! as Tensor<BigInt64Array>;
    for (const clipSkip of skips) {
      const expected = io.float32(clipSkip === 0 ? "last_hidden_state" : `clip_skip${clipSkip}.normed`);
      await using runner = await load(place, clipText(config, { clipSkip }), weights);
      const [rows, tokens] = expected.shape as [number, number];
      const { last_hidden_state } = await runner.run({
        input_ids: { data: ids.data.slice(0, rows * tokens), shape: [rows, tokens] },
        position_ids: { data: Int32Array.from({ length: tokens }, (_, i) => i), shape: [tokens] },
      });
      check(place, last_hidden_state, expected, `${file}, ${clipSkip} layers skipped`);
    }
  }
}

/** Both halves of a VAE. */
export async function checkAutoencoderKL(place: Place, name: string): Promise<void> {
  const { weights: folder, cases } = await readJson<{ weights: string; cases: readonly unknown[] }>(
    `models/${name}/cases.json`,
  );
  const io = await readFixture(`models/${name}/io.safetensors`);
  const config = readAutoencoderKLConfig(await readJson(`${folder}/config.json`));
  await using weights = await open(`${folder}/diffusion_pytorch_model.safetensors`);
  await using encoder = await load(place, autoencoderKLEncoder(config), weights);
  await using decoder = await load(place, autoencoderKLDecoder(config), weights);
  for (const i of cases.keys()) {
    const { moments } = await encoder.run({ sample: io.float32(`case${i}.image`) });
    const [mean, logvar] = [io.float32(`case${i}.mean`), io.float32(`case${i}.logvar`)];
    const expected = Float32Array.from([...mean.data, ...logvar.data]);
    const shape = mean.shape.with(1, 2 * mean.shape[1]!);
    check(place, moments, { data: expected, shape }, `case ${i} encoded`);
    const { sample } = await decoder.run({ latent_sample: io.float32(`case${i}.latents`) });
    check(place, sample, io.float32(`case${i}.decoded`), `case ${i} decoded`);
  }
}

function load({ backend, dtype }: Place, graph: Graph, weights: Weights): Promise<Runner> {
  const options: LoadOptions = dtype === undefined ? {} : { dtype };
  return backend.load({ kind: "graph", graph, weights }, options);
}

function open(path: string): Promise<Weights> {
  return openWeights(testPath(`reference/${path}`));
}

function check({ tolerance }: Place, actual: unknown, expected: Tensor, what: string): void {
  const { data, shape } = actual as Tensor<TensorData>;
  assert.deepEqual(shape, expected.shape, what);
  const wrong = expected.data.findIndex((value, i) => !(Math.abs(Number(data[i]) - value) <= tolerance));
  assert.ok(
    wrong < 0,
    `${what}: element ${wrong} is ${data[wrong]}, expected ${expected.data[wrong]} ± ${tolerance}`,
  );
}
