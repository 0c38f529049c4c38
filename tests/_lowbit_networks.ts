/** Whole networks in few bits against the outputs that public libraries compute with the same values. */
import assert from "node:assert/strict";
import type { Runner } from "../backends/backend.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { autoencoderKLDecoder, readAutoencoderKLConfig } from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { splitCheckpointParts } from "../weights/checkpoint.ts";
import { networkFile } from "../weights/network_file.ts";
import type { Weights } from "../weights/weights.ts";
import { openWeightsFile } from "../weights/weights_file.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";
import { lowbitPath } from "./_lowbit.ts";
import type { Place } from "./_model_checks.ts";

/** UNets by their files, with the file and the name of their outputs. */
export const lowbitUnets: Readonly<Record<string, readonly [file: string, output: string]>> = {
  "gguf/comfy-sd1-tiny-Q4_K_M.gguf": ["gguf/unet_io", "out.comfy-sd1-tiny-Q4_K_M"],
  "gguf/comfy-sd1-tiny-mixed.gguf": ["gguf/unet_io", "out.comfy-sd1-tiny-mixed"],
  "gguf/sdcpp-sd1-tiny-q8_0.gguf": ["gguf/unet_io", "out.sdcpp-sd1-tiny-q8_0"],
  "gguf/sdcpp-sd1-tiny-unet-q4_0-rules.gguf": ["gguf/unet_io", "out.sdcpp-sd1-tiny-unet-q4_0-rules"],
  "fp8/unet_plain_e4m3fn.safetensors": ["fp8/unet_out", "out.unet_plain_e4m3fn"],
  "fp8/unet_scaled_old.safetensors": ["fp8/unet_out", "out.unet_scaled_old"],
};

/** The UNet of a file, as it is stored. */
export async function checkLowbitUnet(place: Place, file: string): Promise<void> {
  const [outputs, output] = lowbitUnets[file]!;
  const fields = await config("unet");
  await using weights = await openWeightsFile(lowbitPath(file));
  const network = networkFile(weights, { fields, kinds: ["UNet2DConditionModel"] });
  const io = await fixture("gguf/unet_io");
  const architecture = readUnetConfig(network.config);
  const timesteps = io.numbers("timestep");
  await using runner = await load(place, unet(architecture), network.weights);
  const { out_sample } = await runner.run({
    sample: io.float32("sample"),
    encoder_hidden_states: io.float32("encoder_hidden_states"),
    time_features: sinusoids(timesteps, { ...architecture, features: architecture.timeFeatures }),
  });
  check(place, out_sample as Tensor, (await fixture(outputs)).float32(output), file);
}

/** The text encoder and the VAE's decoder of a whole model in one GGUF file. */
export async function checkLowbitParts(place: Place): Promise<void> {
  const name = "sdcpp-sd1-tiny-q8_0";
  await using weights = await openWeightsFile(lowbitPath(`gguf/${name}.gguf`));
  const [vaeConfig, textConfig] = [await config("vae"), await config("text_encoder")];
  const { vae, textEncoder } = splitCheckpointParts(weights, { vae: vaeConfig, textEncoder: textConfig });
  const io = await fixture("gguf/vae_clip_io");
  const decoder = autoencoderKLDecoder(readAutoencoderKLConfig(vae!.config));
  await using decoding = await load(place, decoder, vae!.weights);
  const { sample } = await decoding.run({ latent_sample: io.float32("latents") });
  check(place, sample as Tensor, io.float32(`decoded.${name}`), "decoder");
  const text = clipText(readClipTextConfig(textEncoder!.config));
  await using encoding = await load(place, text, textEncoder!.weights);
  const { last_hidden_state } = await encoding.run({
    input_ids: io.get("input_ids") as Tensor<BigInt64Array>,
    position_ids: { data: Int32Array.from({ length: 77 }, (_, i) => i), shape: [77] },
  });
  check(place, last_hidden_state as Tensor, io.float32(`text.${name}`), "text encoder");
}

function config(network: string): Promise<Record<string, unknown>> {
  return readJson(`../reference_lowbit/configs/${network}/config.json`);
}

function fixture(name: string): ReturnType<typeof readFixture> {
  return readFixture(`../reference_lowbit/${name}.safetensors`);
}

function load({ backend, dtype = {} }: Place, graph: Graph, weights: Weights): Promise<Runner> {
  return backend.load({ kind: "graph", graph, weights }, { dtype });
}

function check({ tolerance }: Place, actual: Tensor, expected: Tensor, what: string): void {
  assert.deepEqual(actual.shape, expected.shape, what);
  const off = maxAbsDifference(actual.data, expected.data);
  assert.ok(off <= tolerance, `${what} is ${off} off, allowed ${tolerance}`);
}
