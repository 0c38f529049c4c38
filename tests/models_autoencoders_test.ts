/** Autoencoders beside the usual one: tiny, and under the older names of its attention. */
import assert from "node:assert/strict";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import {
  autoencoderTinyDecoder,
  autoencoderTinyEncoder,
  readAutoencoderTinyConfig,
} from "../models/autoencoder_tiny.ts";
import { readAutoencoder } from "../parts/vae.ts";
import { currentAttentionNames } from "../weights/legacy_attention.ts";
import { openWeights } from "../weights/open_weights.ts";
import type { Weights } from "../weights/weights.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, cpuBackends, runGraph, testPath } from "./_networks.ts";

const legacy = "./reference/models/vae_sd2_legacy_names/diffusion_pytorch_model.safetensors";

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: taesd`, async () => {
    const config = readAutoencoderTinyConfig(await readJson("models/taesd/config.json"));
    const io = await readFixture("models/taesd/io.safetensors");
    const weights = "./reference/models/taesd/diffusion_pytorch_model.safetensors";
    const { latents } = await runGraph(backend, autoencoderTinyEncoder(config), weights, {
      sample: io.float32("case0.image"),
    });
    assertClose(latents, io.float32("case0.encoded"));
    const { sample } = await runGraph(backend, autoencoderTinyDecoder(config), weights, {
      latent_sample: io.float32("case0.latents"),
    });
    assertClose(sample, io.float32("case0.decoded"));
  });

  for (
    const [kind, change] of [["names", (weights: Weights) => weights], [
      "names, as convolutions",
      asConvolutions,
    ]] as const
  ) {
    Deno.test(`${backend.name}: a VAE under older ${kind}`, async () => {
      const config = readAutoencoderKLConfig(await readJson("models/vae_sd2_legacy_names/config.json"));
      const io = await readFixture("models/vae_sd2/io.safetensors");
      const open = async () => currentAttentionNames(change(await openWeights(testPath(legacy))));
      const encoded = await runGraph(backend, autoencoderKLEncoder(config), await open(), {
        sample: io.float32("case0.image"),
      });
      const [mean, logvar] = [io.float32("case0.mean"), io.float32("case0.logvar")];
      const moments = Float32Array.of(...mean.data, ...logvar.data);
      assertClose(encoded.moments, { data: moments, shape: mean.shape.with(1, 2 * mean.shape[1]!) });
      const decoded = await runGraph(backend, autoencoderKLDecoder(config), await open(), {
        latent_sample: io.float32("case0.latents"),
      });
      assertClose(decoded.sample, io.float32("case0.decoded"));
    });
  }
}

Deno.test("readAutoencoder refuses other kinds by name", async () => {
  const config = await readJson<Record<string, unknown>>("pipelines/sd15-tiny/vae/config.json");
  assert.throws(
    () => readAutoencoder({ ...config, _class_name: "AsymmetricAutoencoderKL" }),
    /"AsymmetricAutoencoderKL"/,
  );
  assert.throws(() => readAutoencoder({ ...config, shift_factor: 0.1 }), /shift_factor/);
});

/** The attention's matrices `[out, in]` as windows of one pixel `[out, in, 1, 1]`. */
function asConvolutions(weights: Weights): Weights {
  return {
    ...weights,
    info(name) {
      const info = weights.info(name);
      return info && /attentions.*\.(query|key|value|proj_attn)\.weight/.test(name)
        ? { ...info, shape: [...info.shape, 1, 1] }
        : info;
    },
  };
}
