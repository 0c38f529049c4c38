/** Stable Diffusion XL as a family: its layouts by the published suite, and what is refused. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { stableDiffusionXl } from "../families/stable_diffusion_xl.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { testFamily } from "../testing/mod.ts";
import { memoryWeights } from "../weights/memory.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { encodeSafetensors } from "../weights/write_safetensors.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";
import { referenceRuns } from "./_runs.ts";

const path = (name: string) => testPath(`./reference2/${name}`);
const folder = await localFolder(path("pipelines/sdxl-tiny"));
const single = await localFolder(path("single/sdxl-tiny.safetensors"));
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const sd1 = await localFolder(testPath("./reference/pipelines/sd15-tiny"));
const sd3 = memoryFolder("an SD3", {
  "model_index.json": json({ _class_name: "StableDiffusion3Pipeline" }),
  "transformer/config.json": json({ _class_name: "SD3Transformer2DModel" }),
  "text_encoder_2/config.json": json({}),
});

/** A tiny model's values of what published models have in common, and shapes do not tell. */
async function fieldsOf(pipeline: string) {
  const fields = async (role: string, ...names: readonly string[]) => {
    const config = await readJson<Record<string, unknown>>(
      `../reference2/pipelines/${pipeline}/${role}/config.json`,
    );
    return Object.fromEntries(names.map((name) => [name, config[name]]));
  };
  return {
    unet: await fields("unet", "attention_head_dim", "norm_num_groups", "sample_size"),
    vae: await fields("vae", "norm_num_groups"),
    textEncoder: await fields("text_encoder", "num_attention_heads"),
    textEncoder2: await fields("text_encoder_2", "num_attention_heads"),
  };
}
const checkpoint = await fieldsOf("sdxl-tiny");

/** A run of the reference, as options, and the latents that it ends with. */
async function reference(name: string) {
  const [{ arguments: given, seed, file }] = await referenceRuns(new RegExp(`^${name}$`), "reference2") as [
    Awaited<ReturnType<typeof referenceRuns>>[number],
  ];
  const { data } = (await readFixture(`../reference2/${file}`)).float32("step_latents");
  return {
    run: {
      prompt: given.prompt as string,
      negativePrompt: given.negative_prompt as string,
      guidance: given.guidance_scale as number,
      steps: given.num_inference_steps as number,
      width: 64,
      height: 64,
      seed: seed as number,
    },
    expected: { data: data.slice(-4 * 8 * 8), shape: [1, 4, 8, 8] },
  };
}

const suite = {
  family: stableDiffusionXl,
  create: () => native(),
  ...await reference("sdxl_euler"),
} as const;
const checks = [
  // the reference's own sensitivity to 1e-5 is about this, of latents of 25 at most
  ...testFamily({ ...suite, folders: [folder], foreign: [sd1, sd3], tolerance: 1e-4 }),
  ...testFamily({ ...suite, folders: [single], options: { checkpoint, tokenizer: folder }, tolerance: 1e-4 }),
];
for (const { name, run } of checks) Deno.test(name, run);

for (const child of ["ssd1b", "vega"]) {
  Deno.test(`${child} in a single file with original names gives the folder's picture`, async () => {
    const { run, expected } = await reference(`${child}_euler`);
    await using pipeline = await createPipeline({
      model: path(`single/${child}-tiny.safetensors`),
      tokenizer: `${folder.path}/tokenizer`, // the first one's; the second one pads otherwise
      checkpoint: await fieldsOf(`${child}-tiny`),
      backend: native(),
    });
    const { latents } = await pipeline.generate(run);
    assert.ok(maxAbsDifference(latents.data, expected.data) < 2e-3);
  });
}

/** The single file with some tensors changed, added or (`undefined`) left out. */
async function changedFile(
  name: string,
  change: (name: string, shape: readonly number[]) => { name: string; shape: readonly number[] } | undefined,
): Promise<ModelFolder> {
  await using file = await openSafetensors(path("single/sdxl-tiny.safetensors"));
  const tensors: Record<string, { dtype: "F32"; shape: readonly number[]; data: Float32Array }> = {};
  for (const key of file.names()) {
    const { dtype, shape } = file.info(key)!;
    const changed = change(key, shape);
    if (changed === undefined || dtype !== "F32") continue;
    const bytes = new Float32Array((await file.read(key)).slice().buffer);
    const data = new Float32Array(changed.shape.reduce((product, size) => product * size, 1));
    data.set(bytes.subarray(0, data.length));
    tensors[changed.name] = { dtype, shape: changed.shape, data };
  }
  return memoryFolder(name, { [`${name}.safetensors`]: await encodeSafetensors(memoryWeights(tensors)) });
}

Deno.test("a single file for inpainting wants a picture and a mask, and repaints", async () => {
  const model = await changedFile("inpaint", (name, shape) => ({
    name,
    shape: name === "model.diffusion_model.input_blocks.0.0.weight" ? shape.with(1, 9) : shape,
  }));
  await using pipeline = await createPipeline({ model, checkpoint, tokenizer: folder, backend: native() });
  const options = { prompt: "a lake", width: 64, height: 64, steps: 2, seed: 1 };
  await assert.rejects(
    pipeline.generate(options),
    /it is an inpainting model, expected .*"image" and "mask"/,
  );
  const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(99) };
  const { latents } = await pipeline.generate({ ...options, image, mask: image });
  assert.ok(latents.data.every(Number.isFinite));
});

Deno.test("a refiner is told apart and refused by name, as a file and as a folder", async () => {
  const refiner = await changedFile("refiner", (name, shape) => {
    if (name.startsWith("conditioner.embedders.0.")) return undefined;
    if (name === "model.diffusion_model.label_emb.0.0.weight") {
      return { name, shape: shape.with(1, 12 + 5 * 8) };
    }
    return { name: name.replace("conditioner.embedders.1.", "conditioner.embedders.0."), shape };
  });
  const opening = { checkpoint, tokenizer: folder, backend: native() };
  const refused = {
    name: "UnsupportedModelError",
    message: /it is a refiner of Stable Diffusion XL .* base model/,
  };
  await assert.rejects(createPipeline({ ...opening, model: refiner }), refused);
  const read = async (file: string) => {
    if (file !== "model_index.json") return await folder.read(file);
    return json({ _class_name: "StableDiffusionXLImg2ImgPipeline", requires_aesthetics_score: true });
  };
  await assert.rejects(createPipeline({ model: { ...folder, read }, backend: native() }), refused);
});

Deno.test("what does not belong together is one clear error", async () => {
  const without = (prefix: string): ModelFolder => ({
    ...folder,
    files: new Set([...folder.files].filter((file) => !file.startsWith(prefix))),
  });
  await assert.rejects(
    createPipeline({ model: without("text_encoder_2/"), backend: native() }),
    /TypeError.*"text_encoder_2\/config.json" is missing/,
  );
  const changed = (path: string, fields: object): ModelFolder => ({
    ...folder,
    async read(file) {
      const bytes = await folder.read(file);
      return file === path ? json({ ...JSON.parse(new TextDecoder().decode(bytes)), ...fields }) : bytes;
    },
  });
  const wrong: readonly [string, object, RegExp][] = [
    [
      "unet/config.json",
      { cross_attention_dim: 2048 },
      /attends to states of width 2048, but its text encoders give 20/,
    ],
    ["unet/config.json", { projection_class_embeddings_input_dim: 64 }, /is told 64 numbers .* expected 60/],
    ["unet/config.json", { addition_embed_type: null }, /is told 0 numbers .* expected 12/],
  ];
  for (const [file, fields, message] of wrong) {
    await assert.rejects(createPipeline({ model: changed(file, fields), backend: native() }), message);
  }
});

Deno.test("options for two text encoders and told sizes are refused where there are none, and where they are wrong", async () => {
  await using one = await createPipeline({ model: sd1, backend: native() });
  for (const options of [{ prompt2: "a" }, { negativePrompt2: "a" }, { sizes: {} }]) {
    await assert.rejects(
      one.generate({ prompt: "a", ...options }),
      /TypeError.*the model "sd15-tiny" (has|is)/,
    );
  }
  await using pipeline = await createPipeline({ model: folder, backend: native() });
  const mistakes: readonly [object, RegExp][] = [
    [{ prompt2: ["a", "b"] }, /RangeError.*2 second prompts for 1 prompts/],
    [
      { sizes: { original: { width: 1 } } },
      /TypeError.*sizes.original: it has width, expected width and height/,
    ],
    [{ sizes: { crop: { top: -1, left: 0 } } }, /RangeError.*sizes.crop.top -1/],
    [{ sizes: { negative: { negative: {} } } }, /TypeError.*sizes.negative.negative/],
    [{ prompt2: "a", promptSyntax: "weighted" }, /RangeError.*second prompt in the syntax "weighted"/],
    [{ clipSkip: 2 }, /RangeError.*Cannot skip 2 more of the text encoder's 3 layers than the last/],
  ];
  for (const [options, message] of mistakes) {
    await assert.rejects(pipeline.generate({ prompt: "a", steps: 1, ...options }), message);
  }
});
