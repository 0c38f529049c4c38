/** The networks of the reference against its numbers, on any backend. */
import assert from "node:assert/strict";
import type { Backend, LoadOptions, Runner } from "../backends/backend.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import { addedFeatures } from "../models/added_features.ts";
import { clipText, endPositions, readClipTextConfig } from "../models/clip_text.ts";
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
  readonly dtype?: NonNullable<LoadOptions["dtype"]>;
  /** Largest absolute difference. */
  readonly tolerance: number;
  /** Folder of the fixtures. @default {"reference"} */
  readonly reference?: "reference" | "reference2";
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

/** Those of Stable Diffusion XL and its children, in `tests/reference2/models`. */
export const xlUnets: readonly string[] = ["unet_sdxl", "unet_ssd1b", "unet_vega", "unet_sdxl_lcm"];

interface UnetCases {
  readonly weights: string;
  readonly cases: readonly {
    readonly index: number;
    readonly timestep: number | readonly number[];
    readonly time_ids?: readonly (readonly number[])[];
  }[];
}

/** All cases of a UNet; `variant` `.fp16` reads the weights from the half-precision file. */
export async function checkUnet(place: Place, name: string, variant: "" | ".fp16" = ""): Promise<void> {
  const { weights: folder, cases } = await readJson<UnetCases>(`${at(place)}models/${name}/cases.json`);
  const io = await readFixture(`${at(place)}models/${name}/io.safetensors`);
  const config = readUnetConfig(await readJson(`${at(place)}${folder}/config.json`));
  await using weights = await open(`${at(place)}${folder}/diffusion_pytorch_model${variant}.safetensors`);
  const expected = variant === "" ? "out" : "out_fp16_weights";
  for (const attentionMask of [false, true]) {
    const chosen = cases.filter(({ index }) =>
      io.has(`case${index}.${expected}`) && io.has(`case${index}.encoder_attention_mask`) === attentionMask
    );
    if (chosen.length === 0) continue;
    await using runner = await load(place, unet(config, { attentionMask }), weights);
    for (const { index, timestep, time_ids: ids } of chosen) {
      const given = Object.fromEntries(
        runner.inputs.filter(({ name }) => io.has(`case${index}.${name}`)).map(({ name }) => [
          name,
          io.float32(`case${index}.${name}`),
        ]),
      );
      const rows = given.sample!.shape[0]!;
      const timesteps = typeof timestep === "number" ? Array<number>(rows).fill(timestep) : timestep;
      const time_features = sinusoids(timesteps, { ...config, features: config.timeFeatures });
      const added = ids !== undefined &&
        { added_features: addedFeatures(config, { pooled: io.float32(`case${index}.text_embeds`), ids }) };
      const { out_sample } = await runner.run({ ...given, time_features, ...added });
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

/**
 * All texts of one of Stable Diffusion XL's text encoders: states of the last layer but one, and of those before it,
 * without the final normalisation; with a projection also each text as one vector, whatever is skipped.
 */
export async function checkXlText(place: Place, name: string): Promise<void> {
  const { weights: folder } = await readJson<{ weights: string }>(`${at(place)}models/${name}/cases.json`);
  const config = readClipTextConfig(await readJson(`${at(place)}${folder}/config.json`));
  await using weights = await open(`${at(place)}${folder}/model.safetensors`);
  for (const file of ["io", "io_unpadded"]) {
    const io = await readFixture(`${at(place)}models/${name}/${file}.safetensors`);
    const ids = io.get("input_ids")! as Tensor<BigInt64Array>;
    const [rows, tokens] = ids.shape as [number, number];
    const projection = io.has("text_embeds");
    for (const [i, key] of ["penultimate", "clip_skip1", "clip_skip2"].entries()) {
      if (!io.has(key)) continue;
      const graph = clipText(config, { clipSkip: 1 + i, finalNorm: false, projection });
      await using runner = await load(place, graph, weights);
      const { last_hidden_state, text_embeds } = await runner.run({
        input_ids: ids,
        position_ids: { data: Int32Array.from({ length: tokens }, (_, i) => i), shape: [tokens] },
        ...projection && { end_positions: endPositions(ids, config) },
      });
      const expected = io.float32(key); // of the first texts only where few were kept
      const { data, shape } = last_hidden_state as Tensor;
      const kept = { data: data.slice(0, expected.data.length), shape: shape.with(0, expected.shape[0]!) };
      check(place, kept, expected, `${file}, ${key}`);
      if (!projection) continue;
      assert.deepEqual(text_embeds!.shape, [rows, config.projectionSize]);
      check(place, text_embeds, io.float32("text_embeds"), `${file}, pooled beside ${key}`);
    }
  }
}

/** Both halves of a VAE. */
export async function checkAutoencoderKL(place: Place, name: string): Promise<void> {
  const { weights: folder, cases } = await readJson<{ weights: string; cases: readonly unknown[] }>(
    `${at(place)}models/${name}/cases.json`,
  );
  const io = await readFixture(`${at(place)}models/${name}/io.safetensors`);
  const config = readAutoencoderKLConfig(await readJson(`${at(place)}${folder}/config.json`));
  await using weights = await open(`${at(place)}${folder}/diffusion_pytorch_model.safetensors`);
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

/** Where a place's fixtures are, seen from the first ones. */
function at({ reference = "reference" }: Place): string {
  return `../${reference}/`;
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
