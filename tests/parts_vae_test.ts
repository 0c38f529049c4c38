/** A VAE in tiles (against diffusers' `enable_tiling`), the tiny one as a part, and what both do with noise. */
import assert from "node:assert/strict";
import type { Graph } from "../graph/graph.ts";
import type { Backend, Runner } from "../backends/backend.ts";
import type { Vae } from "../core/parts.ts";
import { torchNoise } from "../noise/torch_noise.ts";
import { autoencoderVae, readAutoencoder } from "../parts/vae.ts";
import type { Json } from "../weights/model_folder.ts";
import { openWeights } from "../weights/open_weights.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, cpuBackends, testPath } from "./_networks.ts";

/** Opens a VAE of the reference whose scaling factor is 1, as the fixtures have none, or with other fields. */
async function openVae(
  owned: AsyncDisposableStack,
  backend: Backend,
  folder: string,
  tile?: number,
  fields: Json = { scaling_factor: 1 },
): Promise<Vae> {
  const autoencoder = readAutoencoder({ ...await readJson<object>(`${folder}/config.json`), ...fields });
  const weights = owned.use(await openWeights(testPath(`./reference/${folder}`)));
  const load = (graph: Graph): Promise<Runner> => backend.load({ kind: "graph", graph, weights });
  return owned.use(autoencoderVae({
    ...autoencoder,
    loadEncoder: () => load(autoencoder.encoder()),
    loadDecoder: () => load(autoencoder.decoder()),
    tile,
  }));
}

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: decodes and encodes in tiles as diffusers does`, async () => {
    await using owned = new AsyncDisposableStack();
    const io = await readFixture("../data/vae_tiles/io.safetensors");
    const vae = await openVae(owned, backend, "pipelines/sd15-tiny/vae", 64);
    assertClose(await vae.decode(io.float32("latents")), io.float32("decoded"));
    assertClose(await vae.encode(io.float32("image")), io.float32("mean"));
  });

  Deno.test(`${backend.name}: a tiny autoencoder encodes without noise and decodes`, async () => {
    await using owned = new AsyncDisposableStack();
    const io = await readFixture("models/taesd/io.safetensors");
    const vae = await openVae(owned, backend, "models/taesd");
    assert.deepEqual(vae.traits, { latentChannels: 4, scale: 8 });
    assertClose(await vae.decode(io.float32("case0.latents")), io.float32("case0.decoded"));
    const twice = await vae.encode(io.float32("case0.image"), { noise: torchNoise(1), samples: 2 });
    const { data, shape } = io.float32("case0.encoded");
    assertClose(twice, { data: Float32Array.of(...data, ...data), shape: shape.with(0, 2) });
  });
}

/** Playground v2.5's latents, which `sdxl_latents_mean_std` was run with. */
const playground = {
  latents_mean: [-1.6574, 1.886, -1.383, 2.5155],
  latents_std: [8.4927, 5.9022, 6.5498, 5.2299],
  scaling_factor: 0.5,
};
const xl = "../reference2/pipelines/sdxl-tiny/vae";

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: latents with a mean and a deviation a channel`, async () => {
    await using owned = new AsyncDisposableStack();
    const io = await readFixture("../reference2/runs/sdxl_latents_mean_std.safetensors");
    const vae = await openVae(owned, backend, xl, undefined, playground);
    const steps = io.float32("step_latents");
    const last = { data: steps.data.slice(-4 * 8 * 8), shape: [1, 4, 8, 8] };
    const { data } = await vae.decode(last);
    const { data: picture, shape: [, height, width] } = io.float32("image"); // [1, height, width, 3] in 0 … 1
    const plane = height! * width!;
    const expected = picture.map((_, i) => picture[i % plane * 3 + Math.floor(i / plane)]!);
    assertClose(
      {
        data: data.map((value) => Math.min(Math.max(value / 2 + 0.5, 0), 1)),
        shape: [1, 3, height!, width!],
      },
      { data: expected, shape: [1, 3, height!, width!] },
    );
    // the way in is the inverse of the way out: of the plain means, what is taken out of them is known
    const images = await readFixture("../reference2/models/vae_sdxl/io.safetensors");
    const mean = images.float32("case0.mean");
    const normal = mean.data.map((value, i) => {
      const channel = Math.floor(i / 64);
      return (value - playground.latents_mean[channel]!) / playground.latents_std[channel]! * 0.5;
    });
    assertClose(await vae.encode(images.float32("case0.image")), { data: normal, shape: mean.shape });
  });

  Deno.test(`${backend.name}: Stable Diffusion XL's scaling factor`, async () => {
    await using owned = new AsyncDisposableStack();
    const io = await readFixture("../reference2/models/vae_sdxl/io.safetensors");
    const vae = await openVae(owned, backend, xl, undefined, {});
    for (const i of [0, 1]) {
      assertClose(await vae.decode(io.float32(`case${i}.latents`)), io.float32(`case${i}.decoded_of_scaled`));
    }
  });
}

Deno.test("a mean without a deviation, or a deviation of 0, is refused", () => {
  const blocks = {
    block_out_channels: [4],
    down_block_types: ["DownEncoderBlock2D"],
    up_block_types: ["UpDecoderBlock2D"],
  };
  const { latents_mean, latents_std } = playground;
  assert.throws(() => readAutoencoder({ ...blocks, latents_mean }), /TypeError.*"latents_std"/);
  assert.throws(() => readAutoencoder({ ...blocks, latents_std }), /TypeError.*"latents_mean"/);
  assert.throws(
    () => readAutoencoder({ ...blocks, latents_mean, latents_std: latents_std.with(2, 0) }),
    /RangeError.*"latents_std".*from 0\.000001/,
  );
});

Deno.test("a picture no larger than a tile is decoded as a whole", async () => {
  await using owned = new AsyncDisposableStack();
  const io = await readFixture("models/vae_sd15/io.safetensors");
  const vae = await openVae(owned, cpuBackends[1]!, "pipelines/sd15-tiny/vae", 64);
  assertClose(await vae.decode(io.float32("case0.latents")), io.float32("case0.decoded"));
});

Deno.test("a VAE samples its posterior with the noise that it is given", async () => {
  await using owned = new AsyncDisposableStack();
  const io = await readFixture("models/vae_sd15/io.safetensors");
  const vae = await openVae(owned, cpuBackends[1]!, "pipelines/sd15-tiny/vae");
  const image = io.float32("case0.image");
  assertClose(await vae.encode(image), io.float32("case0.mean"));
  assertClose(await vae.encode(image, { noise: torchNoise(30090) }), io.float32("case0.posterior_sample"));
});

Deno.test("tiles that would not meet are refused", () => {
  const sizes = {
    latentChannels: 4,
    scale: 8,
    scalingFactor: 1,
    loadDecoder: () => Promise.reject(new Error("not loaded")),
  };
  for (const tile of [0, 8, 100, -64]) {
    assert.throws(() => autoencoderVae({ ...sizes, tile }), /RangeError.*multiple of 32/);
  }
});
