/**
 * The embedded model's kind of network, before training: PyTorch (`training/export_untrained.py`) and the SDK must
 * compute the same.
 */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import type { Graph } from "../graph/graph.ts";
import { localFolder, readJson } from "../weights/model_folder.ts";
import { maxAbsDifference, readFixture } from "./_fixtures.ts";

const folder = await localFolder(new URL("./data/mini_untrained", import.meta.url).pathname);
const io = await readFixture("../data/mini_untrained/io.safetensors");
const limit = 1e-4; // float32 with another order of summation; the networks' outputs are about 1

for (const backend of [native(), wasm()]) {
  const check = async (
    component: string,
    graph: Graph,
    inputs: Record<string, Tensor<never> | Tensor>,
    expected: Record<string, string>,
  ) => {
    await using weights = await folder.weights(component);
    await using runner = await backend.load({ kind: "graph", graph, weights });
    const outputs = await runner.run(inputs);
    for (const [output, name] of Object.entries(expected)) {
      const off = maxAbsDifference((outputs[output] as Tensor).data, io.float32(name).data);
      assert.ok(off <= limit, `${component} ${output} is ${off} off`);
    }
  };

  for (const component of ["unet", "unet_progressive_distillation", "unet_ufogen"]) {
    Deno.test(`${backend.name} computes an untrained ${component} as PyTorch does`, async () => {
      const config = readUnetConfig(await readJson(folder, `${component}/config.json`));
      await check(component, unet(config), {
        sample: io.float32("sample"),
        time_features: sinusoids(io.numbers("timestep"), { features: config.timeFeatures }),
        encoder_hidden_states: io.float32("encoder_hidden_states"),
        ...config.timeCondProjDim !== undefined && { timestep_cond: io.float32("timestep_cond") },
      }, { out_sample: `${component}.out` });
    });
  }

  Deno.test(`${backend.name} computes an untrained text encoder as PyTorch does`, async () => {
    const config = readClipTextConfig(await readJson(folder, "text_encoder/config.json"));
    const ids = io.get("text.input_ids")! as Tensor<never>;
    const positions = { data: BigInt64Array.from({ length: 32 }, (_, i) => BigInt(i)), shape: [32] };
    await check(
      "text_encoder",
      clipText(config),
      { input_ids: ids, position_ids: positions as unknown as Tensor<never> },
      { last_hidden_state: "text.last_hidden_state" },
    );
  });

  Deno.test(`${backend.name} computes an untrained VAE as PyTorch does`, async () => {
    const config = readAutoencoderKLConfig(await readJson(folder, "vae/config.json"));
    await check("vae", autoencoderKLDecoder(config), { latent_sample: io.float32("vae.latents") }, {
      sample: "vae.decoded",
    });
    await using weights = await folder.weights("vae");
    await using runner = await backend.load({ kind: "graph", graph: autoencoderKLEncoder(config), weights });
    const { moments } = await runner.run({ sample: io.float32("vae.image") });
    const expected = [...io.float32("vae.mean").data, ...io.float32("vae.logvar").data];
    assert.ok(maxAbsDifference((moments as Tensor).data, expected) <= limit);
  });
}
