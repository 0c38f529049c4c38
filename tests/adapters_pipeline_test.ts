/** LoRA and control through the pipeline, against whole runs of the reference. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { LoraPorts } from "../adapters/mod.ts";
import type { LoraInput } from "../core/model.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import { localFolder } from "../weights/model_folder.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { ddim } from "../samplers/mod.ts";
import { encodeSafetensors, memoryWeights } from "../weights/mod.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";

const root = new URL("./reference/", import.meta.url).pathname;
const scheduler = {
  _class_name: "DDIMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  clip_sample: false,
  set_alpha_to_one: false,
  steps_offset: 1,
};

async function small4(loraPorts?: LoraPorts) {
  const folder = await localFolder(`${root}pipelines/small4-tiny`);
  const model = await openModelFolder(folder, {
    backend: native(),
    ...loraPorts !== undefined && { loraPorts },
  });
  const { schedule } = readScheduleConfig(scheduler);
  return createPipeline({ model: { ...model, schedule: scheduleFrom(schedule), sampler: ddim() } });
}

interface LoraCases {
  readonly cases: readonly {
    readonly tag: string;
    readonly files: readonly { readonly file: string; readonly scale: number }[];
  }[];
}
const { cases } = await readJson<LoraCases>("lora/cases.json");
const expected = await readFixture("lora/expected.safetensors");
const request = {
  prompt: "a photo of an astronaut riding a horse on mars",
  negativePrompt: "blurry, low quality, bad anatomy",
  guidance: 5,
  steps: 4,
  width: 64,
  height: 64,
  seed: 650,
};
// Latents reach 30; a network call is 4e-6 off and four guided steps amplify it about a hundredfold.
const limit = 5e-3;

Deno.test("merged LoRAs of every spelling give the reference's latents, one after the other on one pipeline", async () => {
  await using pipeline = await small4();
  for (const { tag, files } of [...cases, { tag: "none", files: [] }]) {
    const unmatched = await pipeline.setLoras(
      files.map(({ file, scale }) => ({ source: `${root}${file}`, scale })),
    );
    assert.deepEqual(unmatched, []);
    const { latents } = await pipeline.generate(request);
    const off = maxAbsDifference(latents.data, expected.float32(`${tag}.latents`).data);
    assert.ok(off <= limit, `${tag}: latents are ${off} off`);
  }
});

Deno.test("hot LoRAs give the reference's latents, and scale 0 is bit-equal to none", async () => {
  await using pipeline = await small4({ modules: "all", rank: 8 });
  const { latents: plain } = await pipeline.generate(request);
  for (const { tag, files } of cases.filter(({ tag }) => !tag.startsWith("loha"))) {
    await pipeline.setLoras(files.map(({ file, scale }) => ({ source: `${root}${file}`, scale })));
    const { latents } = await pipeline.generate(request);
    const off = maxAbsDifference(latents.data, expected.float32(`${tag}.latents`).data);
    assert.ok(off <= limit, `${tag}: latents are ${off} off`);
  }
  await pipeline.setLoras([{ source: `${root}lora/kohya.safetensors`, scale: 0 }]);
  assert.deepEqual((await pipeline.generate(request)).latents, plain);
});

Deno.test("a LoRA that cannot be used is one clear error, and the pipeline goes on as before", async () => {
  await using merged = await small4();
  await using hot = await small4({ modules: "all", rank: 2 });
  const [before, hotBefore] = [await merged.generate(request), await hot.generate(request)];
  const peft = `${root}lora/peft.safetensors`;
  await assert.rejects(
    merged.setLoras([{ source: `${root}models/taesd/diffusion_pytorch_model.safetensors` }]),
    /LoRA/,
  );
  await assert.rejects(merged.setLoras([{ source: peft, scale: NaN }]), /scale is NaN/);
  await assert.rejects(merged.setLoras([{ source: `${root}absent.safetensors` }]), /there is no such file/);
  await assert.rejects(hot.setLoras([{ source: peft }]), /rank/);
  await assert.rejects(hot.setLoras([{ source: `${root}lora/loha.safetensors` }]), /[Mm]erge/);
  assert.deepEqual((await merged.generate(request)).latents, before.latents);
  assert.deepEqual((await hot.generate(request)).latents, hotBefore.latents);
});

Deno.test("an ONNX folder takes a LoRA as its safetensors do", async () => {
  const values = (length: number, phase: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin(i + phase) / 4);
  const factor = (shape: [number, number], phase: number) =>
    ({ dtype: "F32", shape, data: values(shape[0] * shape[1], phase) }) as const;
  const lora = await encodeSafetensors(memoryWeights({
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight": factor([2, 24], 0),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight": factor([24, 2], 1),
    "lora_te_text_model_encoder_layers_1_mlp_fc1.lora_down.weight": factor([2, 32], 2),
    "lora_te_text_model_encoder_layers_1_mlp_fc1.lora_up.weight": factor([64, 2], 3),
  }));
  const latents = async (model: string, loras: readonly LoraInput[]) => {
    await using pipeline = await createPipeline({ model, backend: native() });
    await pipeline.setLoras(loras);
    const small = { prompt: "a lake", width: 64, height: 64, steps: 2, seed: 1, sampler: ddim() };
    return (await pipeline.generate(small)).latents.data;
  };
  const exported = new URL("./data/onnx_sd15_tiny", import.meta.url).pathname;
  const [plain, ours, onnx] = [
    await latents(exported, []),
    await latents(`${root}pipelines/sd15-tiny`, [{ source: lora }]),
    await latents(exported, [{ source: lora }]),
  ];
  assert.ok(maxAbsDifference(onnx, plain) > 0.05);
  assert.ok(maxAbsDifference(onnx, ours) < 1e-3, `${maxAbsDifference(onnx, ours)} apart`); // latents reach 15
});
