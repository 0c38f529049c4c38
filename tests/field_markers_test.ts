/** Marker tensors of single files. Latents of diffusers' DDIM, with v prediction and with `rescale_betas_zero_snr`. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { createPipeline, type GenerateOptions, localFolder, memoryFolder } from "../mod.ts";
import { encodeSafetensors, memoryWeights, openSafetensors } from "../weights/mod.ts";
import type { MemoryTensor } from "../weights/memory.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const configs = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};

/** A run of the single file with more tensors, or with strings in its header. */
async function run(
  markers: readonly string[],
  metadata: Readonly<Record<string, string>> = {},
  options: Partial<GenerateOptions> = {},
): Promise<Float32Array> {
  await using checkpoint = await openSafetensors(path("./data/sd1_checkpoint.safetensors"));
  const tensors: Record<string, MemoryTensor> = {};
  for (const name of checkpoint.names()) {
    const { dtype, shape } = checkpoint.info(name)!;
    tensors[name] = { dtype, shape, data: await checkpoint.read(name) };
  }
  for (const name of markers) tensors[name] = { dtype: "F32", shape: [0], data: new Float32Array(0) };
  await using pipeline = await createPipeline({
    model: memoryFolder("v", {
      "v.safetensors": await encodeSafetensors(memoryWeights(tensors), { metadata }),
    }),
    backend: native(),
    tokenizer: await localFolder(path("./reference/pipelines/sd15-tiny/tokenizer")),
    checkpoint: configs,
  });
  const asked = { prompt: "a red house", steps: 2, seed: 5, width: 64, height: 64, ...options };
  return (await pipeline.generate(asked)).latents.data as Float32Array;
}

for (const [markers, expected] of [[["v_pred"], "plain"], [["v_pred", "ztsnr"], "ztsnr"]] as const) {
  Deno.test(`a single file with the markers ${markers.join(" and ")}`, async () => {
    const text = await Deno.readTextFile(path(`./data/field/markers/expected_${expected}.json`));
    const { data } = JSON.parse(text) as { data: number[] };
    const made = await run(markers);
    assert.equal(made.length, data.length);
    const error = made.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i]!)), 0);
    assert.ok(error < 1e-3, `differs by ${error}`); // the ordinary schedule differs by 0.15
  });
}

Deno.test("a clip skip in a single file's header is told, and not done unasked", async () => {
  const warned = async (
    metadata: Readonly<Record<string, string>>,
    options: Partial<GenerateOptions> = {},
  ) => {
    const warnings: string[] = [];
    await run(["v_pred"], metadata, { ...options, onWarning: (text) => warnings.push(text) });
    return warnings;
  };
  const told = /^The model's header says that it was trained with clip skip 2, which is clipSkip 1 here/;
  assert.match((await warned({ "modelspec.encoder_layer": "2" }))[0]!, told);
  assert.match((await warned({ ss_clip_skip: "2" }))[0]!, told);
  assert.deepEqual(await warned({ ss_clip_skip: "2" }, { clipSkip: 1 }), []);
  assert.deepEqual(await warned({ ss_clip_skip: "1" }), []);
});
