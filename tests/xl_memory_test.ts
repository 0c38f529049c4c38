/** What is in memory at the same time, and what is not encoded twice. */
import assert from "node:assert/strict";
import type { Backend, Runner } from "../backends/backend.ts";
import { fitsMemory } from "../backends/memory_plan.ts";
import { native } from "../backends/native.ts";
import { TorchGenerator } from "../noise/torch_noise.ts";
import { readAutoencoder } from "../parts/vae.ts";
import { createPipeline, openModel } from "../presets/create_pipeline.ts";
import { testPath } from "./_networks.ts";

const model = testPath("./reference2/pipelines/sdxl-tiny");
const run = { prompt: "a lake", steps: 1, seed: 1, width: 64, height: 64 };

/** Tells what is loaded beside what. */
function watched(): { backend: Backend; moments: string[] } {
  const alive = new Set<string>();
  const moments: string[] = [];
  const inner = native();
  const load: Backend["load"] = async (source, options): Promise<Runner> => {
    const runner = await inner.load(source, options);
    const name = source.kind === "graph" ? source.graph.name : source.kind;
    alive.add(name);
    moments.push([...alive].join(" + "));
    return {
      ...runner,
      run: (...given) => runner.run(...given),
      async [Symbol.asyncDispose]() {
        alive.delete(name);
        await runner[Symbol.asyncDispose]();
      },
    };
  };
  return { backend: { ...inner, load }, moments };
}

Deno.test("one phase at a time: encoders, then the UNet, then the decoder; the same prompt again needs no encoder", async () => {
  const { backend, moments } = watched();
  await using pipeline = await createPipeline({ model, backend, keep: "phase" });
  const first = await pipeline.generate(run);
  assert.deepEqual(moments, ["text_encoder", "text_encoder + text_encoder_2", "unet", "vae_decoder"]);
  moments.length = 0;
  const again = await pipeline.generate(run);
  assert.deepEqual(moments, ["unet", "vae_decoder"]);
  assert.deepEqual(again.latents, first.latents);
  await pipeline.generate({ ...run, seed: 2, guidance: 7 });
  assert.deepEqual(moments.slice(2), ["unet", "vae_decoder"]);
  moments.length = 0;
  const other = await pipeline.generate({ ...run, prompt: "a moon" });
  assert.equal(moments[0], "text_encoder");
  assert.notDeepEqual(other.latents, first.latents);
});

Deno.test("texts that were encoded are encoded again when LoRAs change, hot ones too", async () => {
  const source = testPath("./reference2/lora/peft.safetensors");
  for (const loraPorts of [undefined, { modules: "all", rank: 4 } as const]) {
    const options = { model, backend: native(), ...loraPorts && { loraPorts } };
    await using pipeline = await createPipeline(options);
    const plain = await pipeline.generate(run);
    await pipeline.setLoras([{ source, scale: { unet: 0, textEncoder: 1 } }]);
    const changed = await pipeline.generate(run);
    assert.notDeepEqual(changed.latents, plain.latents);
    await pipeline.setLoras([]);
    assert.deepEqual((await pipeline.generate(run)).latents, plain.latents);
  }
});

Deno.test("a VAE works in tiles by itself where the whole would not fit", async () => {
  const shape = [1, 4, 8, 80];
  const latent = { data: new TorchGenerator(5).randn(4 * 8 * 80), shape };
  const pixels = { data: new TorchGenerator(6).randn(3 * 64 * 640), shape: [1, 3, 64, 640] };
  const results = async (options: { tile?: number; memory?: number }) => {
    const { memory, ...rest } = options;
    const backend: Backend = { ...native(), ...memory !== undefined && { memory } };
    const { vae } = await openModel(model, { backend, ...rest });
    await using part = vae;
    const opened = await part.get();
    return [await opened.decode(latent), await opened.encode(pixels)];
  };
  const [tiles, whole] = [await results({ tile: 512 }), await results({})];
  assert.notDeepEqual(tiles, whole);
  assert.deepEqual(await results({ memory: 2 ** 27 }), tiles);
  assert.deepEqual(await results({ memory: 2 ** 32 }), whole);
  assert.deepEqual(await results({ memory: 2 ** 27, tile: 1024 }), whole); // what is asked for counts
});

Deno.test("the published VAE fits into 4 GiB for 512 × 512 pixels, and not for 2048 × 2048", () => {
  const decoder = readAutoencoder({
    block_out_channels: [128, 256, 512, 512],
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    layers_per_block: 2,
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
  }).decoder();
  const fits = (side: number) =>
    fitsMemory(decoder, "float32", { limit: 2 ** 32, sizes: { rows: 1, width: side / 8, height: side / 8 } });
  assert.deepEqual([fits(512), fits(2048)], [true, false]);
});
