/**
 * Text encoder, UNet and VAE of Apple's layout, each against the same arithmetic in TypeScript.
 */
import assert from "node:assert/strict";
import { BASE } from "../../core/model.ts";
import { tensor } from "../../core/tensor.ts";
import { torchNoise } from "../../noise/torch_noise.ts";
import { assertClose, basic, latents, modelTest, picture, unetOf, withModel } from "./_apple_models.ts";
import { chunkedUnet, half, unet, vaeDecoder, vaeEncoder } from "./_arithmetic.ts";
import { hiddenOf } from "./_reference.ts";
import { specOf, standInTest } from "./_rig.ts";
import { encodeStates } from "../_states.ts";

const prompts = ["a red house", "", "two boats", "one"];

modelTest("parts: the model's numbers are read from its networks", basic, (model) => {
  assert.deepEqual(model.unets.get(BASE)!.traits, {});
  assert.deepEqual([model.latentChannels, model.scale], [4, 8]);
  assert.equal(model.size, 64);
  assert.equal(model.backend, "coreml");
  assert.equal(model.openControl, undefined);
});

modelTest("parts: the text encoder takes prompts one by one", basic, async (model, rig) => {
  const encoder = await model.textEncoder.get();
  const hidden = await encodeStates(encoder, prompts);
  assertClose(hidden, hiddenOf(...prompts), rig);
  await assert.rejects(encodeStates(encoder, ["a"], { clipSkip: 1 }), {
    name: "UnsupportedModelError",
    message: /skip 1 layers/,
  });
  const long = await encodeStates(encoder, ["(a:1.1) b ".repeat(60)], { syntax: "weighted" });
  assert.deepEqual(long.shape, [1, 154, 16]);
});

for (
  const [name, models, network] of [
    ["batch two", basic, unet],
    ["batch one", { ...basic, Unet: "UnetBatchOne" }, unet],
    ["two chunks", { ...basic, UnetChunk1: "UnetChunk1", UnetChunk2: "UnetChunk2" }, chunkedUnet],
  ] as const
) {
  modelTest(`parts: a UNet of ${name} predicts any number of rows`, models, async (model, rig) => {
    const denoiser = await unetOf(model);
    for (const rows of [1, 2, 3, 4]) {
      const hidden = hiddenOf(...prompts.slice(0, rows));
      await using predictor = await denoiser.prepare({ encoder_hidden_states: hidden });
      const noise = await predictor.predict(latents(rows), 981);
      assertClose(noise, network(half(latents(rows)), 981, half(hidden)), rig);
    }
  });
}

standInTest("parts: padded rows change nothing", (rig) => {
  const [UnetChunk1, UnetChunk2] = [specOf("UnetChunk1"), specOf("UnetChunk2")].map((spec) => ({
    ...spec,
    padded: true,
  }));
  return withModel(rig, { ...basic, UnetChunk1: UnetChunk1!, UnetChunk2: UnetChunk2! }, async (model) => {
    const hidden = hiddenOf("a", "b");
    await using predictor = await (await unetOf(model)).prepare({ encoder_hidden_states: hidden });
    const noise = await predictor.predict(latents(2), 21);
    assertClose(noise, chunkedUnet(half(latents(2)), 21, half(hidden)), rig);
  });
});

modelTest("parts: a UNet refuses what it was not compiled for", basic, async (model) => {
  const denoiser = await unetOf(model);
  await using predictor = await denoiser.prepare({ encoder_hidden_states: hiddenOf("a", "b") });
  await assert.rejects(predictor.predict(tensor(new Float32Array(2 * 4 * 8 * 16), [2, 4, 8, 16]), 1), {
    name: "RangeError",
    message: "Cannot run the UNet for a picture of 128 × 64 pixels: it was compiled for 64 × 64. " +
      "Ask for that size, or convert the model for the other.",
  });
  await assert.rejects(predictor.predict(latents(1), 1), {
    name: "RangeError",
    message: /1 latents.*prepared for 2 rows/,
  });
  await assert.rejects(
    denoiser.prepare({ encoder_hidden_states: tensor(new Float32Array(77 * 8), [1, 77, 8]) }),
    {
      name: "RangeError",
      message: /77 tokens of 8 numbers.*compiled for 77 of 16/,
    },
  );
  await assert.rejects(
    denoiser.prepare({
      encoder_hidden_states: hiddenOf("a"),
      encoder_attention_mask: tensor(new Float32Array(77), [1, 77]),
    }),
    {
      name: "UnsupportedModelError",
      message: /masks tokens/,
    },
  );
});

modelTest("parts: the VAE decodes any number of rows", basic, async (model, rig) => {
  const vae = await model.vae.get();
  assert.deepEqual(vae.traits, { latentChannels: 4, scale: 8 });
  const z = latents(1);
  const scaled = { data: z.data.map((value) => value / 0.18215), shape: z.shape };
  assertClose(await vae.decode(z), vaeDecoder(half(scaled)), rig, 10); // latents are up to 20 here
  assert.deepEqual((await vae.decode(latents(3))).shape, [3, 3, 64, 64]);
  await assert.rejects(vae.decode(tensor(new Float32Array(4 * 64 * 64), [1, 4, 64, 64])), {
    name: "RangeError",
    message: /the VAEDecoder for a picture of 512 × 512 pixels: it was compiled for 64 × 64/,
  });
});

modelTest("parts: the VAE encodes to the mode, or to samples", basic, async (model, rig) => {
  const vae = await model.vae.get();
  const moments = vaeEncoder(half(picture())).data;
  const mode = tensor(moments.slice(0, 256).map((value) => value * 0.18215), [1, 4, 8, 8]);
  assertClose(await vae.encode(picture()), mode, rig);

  const noise = torchNoise(3).normal([2, 4, 8, 8]).data;
  const drawn = Float32Array.from(noise, (value, i) => {
    return moments[i % 256]! + Math.exp(moments[256 + i % 256]! / 2) * value;
  });
  const expected = tensor(drawn.map((value) => value * 0.18215), [2, 4, 8, 8]);
  assertClose(await vae.encode(picture(), { noise: torchNoise(3), samples: 2 }), expected, rig);
  await assert.rejects(vae.encode(tensor(new Float32Array(3 * 32 * 32), [1, 3, 32, 32])), {
    name: "RangeError",
    message: /the VAEEncoder for a picture of 32 × 32 pixels/,
  });
});

const { VAEEncoder: _, ...withoutEncoder } = basic;

modelTest("parts: without a VAEEncoder pictures cannot be encoded", withoutEncoder, async (model) => {
  await assert.rejects((await model.vae.get()).encode(picture()), {
    name: "UnsupportedModelError",
    message: /no VAE encoder/,
  });
});
