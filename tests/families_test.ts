/** The families, by the published suite: one model in diffusers' layout, as ONNX and as a single file. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { tintedDiffusion } from "../examples/own_family.ts";
import { chooseFamily } from "../families/choose.ts";
import type { Family } from "../families/family.ts";
import { stableDiffusion } from "../families/stable_diffusion.ts";
import { readComponents } from "../layouts/read_components.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { FAMILIES } from "../presets/open_model.ts";
import { pndm } from "../samplers/pndm.ts";
import { testFamily } from "../testing/mod.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import { readFixture } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";

const folder = await localFolder(testPath("./reference/pipelines/sd15-tiny"));
const onnx = await localFolder(testPath("./data/onnx_sd15_tiny"));
const single = await localFolder(testPath("./data/sd1_checkpoint.safetensors"));
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const xl = memoryFolder("an SDXL", {
  "model_index.json": json({ _class_name: "StableDiffusionXLPipeline" }),
  "unet/config.json": json({ _class_name: "UNet2DConditionModel", addition_embed_type: "text_time" }),
  "text_encoder_2/config.json": json({}),
});
const flux = memoryFolder("a Flux", {
  "model_index.json": json({ _class_name: "FluxPipeline" }),
  "transformer/config.json": json({ _class_name: "FluxTransformer2DModel" }),
});

/** `sd15_pndm` of the reference: the last of its steps. */
const run = {
  prompt: "a photo of an astronaut riding a horse on mars",
  negativePrompt: "blurry, low quality, bad anatomy",
  guidance: 7.5,
  steps: 7,
  height: 64,
  width: 64,
  seed: 26,
  sampler: pndm({ skipPrkSteps: true }),
};
const all = (await readFixture("runs/sd15_pndm.safetensors")).float32("step_latents");
const size = 4 * 8 * 8;
const expected = { data: all.data.slice(-size), shape: [1, 4, 8, 8] };

/** The same model under another pipeline's name. */
const tintedFolder: ModelFolder = {
  ...folder,
  name: "tinted",
  read: (path) =>
    path === "model_index.json"
      ? Promise.resolve(json({ _class_name: "TintedDiffusionPipeline", tint: "blue" }))
      : folder.read(path),
};

/** The tiny networks' values of what published models have in common, and shapes do not tell. */
const checkpoint = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};
const suite = { family: stableDiffusion, create: () => native(), run, expected } as const;
const checks = [
  // seven steps of float32 in another order; the reference's own sensitivity to 1e-5 is larger than this
  ...testFamily({ ...suite, folders: [folder, onnx], foreign: [xl, flux], tolerance: 1e-4 }),
  // the single file holds the weights in half precision, whose rounding seven guided steps make visible
  ...testFamily({
    ...suite,
    folders: [single],
    options: { checkpoint, tokenizer: await localFolder(`${folder.path}/tokenizer`) },
    tolerance: 0.05,
  }),
];
checks.push(...testFamily({
  ...suite,
  family: tintedDiffusion(1), // at 1 its three passes add up to classifier-free guidance
  folders: [tintedFolder],
  foreign: [folder, xl],
  tolerance: 1e-4,
}));
for (const { name, run } of checks) Deno.test(name, run);

const twin: Family = { ...stableDiffusion, name: "Twin", covers: "twins" };

Deno.test("two families that match are one clear error, and the option decides", async () => {
  const files = await readComponents(folder, {}, FAMILIES);
  assert.throws(() => chooseFamily(files, [stableDiffusion, twin]), {
    name: "TypeError",
    message: /it looks like Stable Diffusion \(.+\) and Twin \(.+\)\. Choose with the option "family"/,
  });
  assert.equal(chooseFamily(files, [stableDiffusion, twin], "twin"), twin);
  assert.equal(chooseFamily(files, [stableDiffusion, twin], "stable_diffusion"), stableDiffusion);
  assert.throws(() => chooseFamily(files, [stableDiffusion], "flux"), /as "flux": expected Stable Diffusion/);
});

Deno.test("a family of the user's own opens what it says", async () => {
  const seen: string[] = [];
  const own: Family = {
    ...stableDiffusion,
    name: "own",
    recognises: () => undefined,
    open: (files, options) => {
      seen.push(...files.roles);
      return stableDiffusion.open(files, options);
    },
  };
  await using _pipeline = await createPipeline({ model: folder, backend: native(), family: own });
  assert.deepEqual(seen, ["text_encoder", "unet", "vae"]);
});

Deno.test("Stable Diffusion asked for by name refuses a UNet of Stable Diffusion XL", async () => {
  const folder = await localFolder(testPath("./reference2/pipelines/sdxl-tiny"));
  await assert.rejects(createPipeline({ model: folder, backend: native(), family: "stable_diffusion" }), {
    name: "UnsupportedModelError",
    message: /its UNet is told sizes and a second text, as in Stable Diffusion XL/,
  });
});
