/** Models as people have them. Latents by diffusers, which made the files in `data/field/models` too. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { GenerateOptions } from "../pipeline/generate_options.ts";
import { createPipeline, type CreatePipelineOptions, localFolder, memoryFolder } from "../mod.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { encodeSafetensors, memoryWeights, openSafetensors } from "../weights/mod.ts";
import type { MemoryTensor } from "../weights/memory.ts";
import { maxAbsDifference } from "./_fixtures.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const field = (name: string) => path(`./data/field/models/${name}`);
const pipeline = (name: string) => path(`./reference/pipelines/${name}`);
const read = async (name: string) =>
  Float32Array.from(JSON.parse(await Deno.readTextFile(field(name))).data as number[]);

/** All files of a folder, under a prefix. */
async function filesOf(folder: string, prefix = ""): Promise<Record<string, Uint8Array>> {
  const { files } = await localFolder(folder);
  const names = [...files].filter((file) => /\.\w+$/.test(file)); // the rest are folders
  return Object.fromEntries(
    await Promise.all(
      names.map(async (file) => [prefix + file, await Deno.readFile(`${folder}/${file}`)] as const),
    ),
  );
}

async function latents(
  model: CreatePipelineOptions["model"],
  request: Partial<GenerateOptions>,
  options: Omit<CreatePipelineOptions, "model"> = {},
): Promise<Float32Array> {
  await using made = await createPipeline({
    ...model !== undefined && { model },
    backend: native(),
    ...options,
  });
  const size = request.image === undefined ? { width: 64, height: 64 } : {};
  const { latents } = await made.generate({ prompt: "a red house", steps: 2, seed: 5, ...size, ...request });
  return latents.data as Float32Array;
}

const close = (actual: Float32Array, wanted: Float32Array, tolerance: number) => {
  const error = maxAbsDifference(actual, wanted);
  assert.ok(error < tolerance, `differs by ${error}`);
};

Deno.test("a text encoder whose tensors have no text_model. in front, and a tokenizer in tokenizer.json alone", async () => {
  const kept = Object.entries(await filesOf(pipeline("sd15-tiny"))).filter(([file]) =>
    !/^(tokenizer|text_enc)/.test(file)
  );
  const files = {
    ...Object.fromEntries(kept),
    ...await filesOf(field("flat_text_encoder/text_encoder"), "text_encoder/"),
    ...await filesOf(field("flat_text_encoder/tokenizer"), "tokenizer/"),
  };
  close(await latents(memoryFolder("m", files), {}), await read("flat_text_encoder/expected.json"), 2e-4);
});

Deno.test("words added in the model's own folder, in tokenizer.json or in added_tokens.json", async () => {
  const kept = Object.entries(await filesOf(pipeline("small4-tiny"))).filter(([file]) =>
    !/^(tokenizer|text_enc)/.test(file)
  );
  for (const tokenizer of ["tokenizer_new", "tokenizer_old"]) {
    const files = {
      ...Object.fromEntries(kept),
      ...await filesOf(field("added_words/text_encoder"), "text_encoder/"),
      ...await filesOf(field(`added_words/${tokenizer}`), "tokenizer/"),
    };
    const made = await latents(memoryFolder("m", files), { prompt: "a red <cat-toy> by the sea" });
    close(made, await read("added_words/expected.json"), 5e-4);
  }
});

Deno.test("a DEIS scheduler as DreamShaper has it", async () => {
  const files = {
    ...await filesOf(pipeline("sd15-tiny")),
    "scheduler/scheduler_config.json": await Deno.readFile(field("deis/scheduler_config.json")),
  };
  close(await latents(memoryFolder("m", files), { steps: 5 }), await read("deis/expected.json"), 1e-3);
});

Deno.test("InstructPix2Pix is refused by name", async () => {
  const files = await filesOf(pipeline("small4-tiny"));
  const json = (name: string) => JSON.parse(new TextDecoder().decode(files[name]));
  const put = (name: string, value: object) => files[name] = new TextEncoder().encode(JSON.stringify(value));
  put("model_index.json", {
    ...json("model_index.json"),
    _class_name: "StableDiffusionInstructPix2PixPipeline",
  });
  put("unet/config.json", { ...json("unet/config.json"), in_channels: 8 });
  await assert.rejects(
    latents(memoryFolder("m", files), { prompt: "make it winter" }),
    /pix2pix|8 channels/i,
  );
});

Deno.test("seeds beyond 32 bits", async () => {
  for (const seed of [4294967301, 1102676403634909, 9007199254740991]) {
    close(await latents(pipeline("sd15-tiny"), { seed }), await read(`seeds/expected_${seed}.json`), 2e-4);
  }
});

Deno.test("a photo turned by EXIF is the upright one", async () => {
  const from = async (file: string) =>
    await latents(pipeline("sd15-tiny"), {
      image: await Deno.readFile(field(`turned/${file}`)),
      strength: 0.5,
      steps: 4,
    });
  close(await from("turned.jpg"), await from("upright.png"), 1e-6);
});

/** What shapes do not tell, and this small file has otherwise than published ones. */
const single = {
  tokenizer: pipeline("sd15-tiny/tokenizer"),
  checkpoint: {
    unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
    vae: { norm_num_groups: 4 },
    textEncoder: { num_attention_heads: 4 },
  },
} as const;

/** The tensors of a file. */
async function tensorsOf(file: string): Promise<Record<string, MemoryTensor>> {
  await using weights = await openSafetensors(file);
  return Object.fromEntries(
    await Promise.all([...weights.names()].map(async (name) => {
      const { dtype, shape } = weights.info(name)!;
      return [name, { dtype, shape, data: await weights.read(name) }] as const;
    })),
  );
}
const asModel = async (tensors: Record<string, MemoryTensor>) =>
  memoryFolder("m", { "m.safetensors": await encodeSafetensors(memoryWeights(tensors)) });

Deno.test("an inpainting checkpoint repaints as diffusers does", async () => {
  const tensors = await tensorsOf(path("./data/sd1_checkpoint.safetensors"));
  const { "conv_in.weight": first } = await tensorsOf(field("inpainting/conv_in9.safetensors"));
  tensors["model.diffusion_model.input_blocks.0.0.weight"] = first!;
  const [image, mask] = await Promise.all(
    ["image", "mask"].map((name) => Deno.readFile(field(`inpainting/${name}.png`))),
  );
  const request = {
    steps: 3,
    image: image!,
    mask: mask!,
    strength: 1,
    batchNoise: "shared",
    width: 64,
    height: 64,
  } as const;
  close(await latents(await asModel(tensors), request, single), await read("inpainting/expected.json"), 5e-4);
});

Deno.test("what merging and training leave in a checkpoint changes nothing", async () => {
  const tensors = await tensorsOf(path("./data/sd1_checkpoint.safetensors"));
  const clean = await latents(await asModel(tensors), {}, single);
  const filled = (shape: readonly number[], value: (i: number) => number): MemoryTensor => {
    const length = shape.reduce((product, size) => product * size, 1);
    return { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => value(i)) };
  };
  const text = "cond_stage_model.transformer.text_model.";
  const left: Record<string, MemoryTensor> = {
    [`${text}embeddings.position_ids`]: filled([1, 77], (i) => i % 5 === 0 ? i : i - 0.0625 * (i % 3)),
    [`${text}empty`]: filled([0, 32], () => 0),
    "cond_stage_model.logit_scale": filled([], () => 4.6),
    "first_stage_model.loss.logvar": filled([], () => 0),
    "model_ema.decay": filled([], () => 0.9999),
    "model_ema.diffusion_modelinput_blocks10weight": filled([8, 8], () => 0),
  };
  for (const name of ["betas", "alphas_cumprod", "posterior_variance"]) {
    left[name] = filled([1000], () => 0.5);
  }
  close(await latents(await asModel({ ...tensors, ...left }), {}, single), clean, 1e-6);
});

Deno.test("weights in 8-bit floats are the numbers that they stand for", async () => {
  const tensors = await tensorsOf(path("./data/sd1_checkpoint.safetensors"));
  const [coded, rounded] = [{ ...tensors }, { ...tensors }];
  for (const [name, { dtype, shape }] of Object.entries(tensors)) {
    if (!name.startsWith("model.diffusion_model.") || shape.length < 2 || dtype !== "F16") continue;
    const values = await readFloat32(memoryWeights(tensors), name);
    const bytes = Uint8Array.from(values, toE4m3);
    coded[name] = { dtype: "F8_E4M3", shape, data: bytes };
    rounded[name] = { dtype: "F32", shape, data: Float32Array.from(bytes, fromE4m3) };
  }
  close(
    await latents(await asModel(coded), {}, single),
    await latents(await asModel(rounded), {}, single),
    1e-5,
  );
});

/** One sign, four exponent and three mantissa bits; no infinities. */
function toE4m3(value: number): number {
  const [sign, size] = [value < 0 ? 128 : 0, Math.min(Math.abs(value), 448)];
  if (size < 2 ** -6) return sign | Math.round(size / 2 ** -9);
  const exponent = Math.floor(Math.log2(size));
  const mantissa = Math.round((size / 2 ** exponent - 1) * 8);
  return sign | (mantissa === 8 ? (exponent + 8) << 3 : ((exponent + 7) << 3) | mantissa);
}

function fromE4m3(byte: number): number {
  const [sign, exponent, mantissa] = [byte & 128 ? -1 : 1, (byte >> 3) & 15, byte & 7];
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7));
}
