/** A VAE in tiles (against diffusers' `enable_tiling`), the tiny one as a part, and what both do with noise. */
import assert from "node:assert/strict";
import type { Graph } from "../graph/graph.ts";
import type { Backend, Runner } from "../backends/backend.ts";
import type { Vae } from "../core/parts.ts";
import { torchNoise } from "../core/torch_noise.ts";
import { autoencoderVae, readAutoencoder } from "../parts/vae.ts";
import { openWeights } from "../weights/open_weights.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, cpuBackends, testPath } from "./_networks.ts";

/** Opens a VAE of the reference whose scaling factor is 1, as the fixtures have none. */
async function openVae(
  owned: AsyncDisposableStack,
  backend: Backend,
  folder: string,
  tile?: number,
): Promise<Vae> {
  const autoencoder = readAutoencoder({
    ...await readJson<object>(`${folder}/config.json`),
    scaling_factor: 1,
  });
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
    assert.deepEqual([vae.latentChannels, vae.scale], [4, 8]);
    assertClose(await vae.decode(io.float32("case0.latents")), io.float32("case0.decoded"));
    const twice = await vae.encode(io.float32("case0.image"), { noise: torchNoise(1), samples: 2 });
    const { data, shape } = io.float32("case0.encoded");
    assertClose(twice, { data: Float32Array.of(...data, ...data), shape: shape.with(0, 2) });
  });
}

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
