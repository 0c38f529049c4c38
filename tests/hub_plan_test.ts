/** One answer for who downloads a model and for who opens it: whatever is read when it runs was planned, and no more. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { native } from "../backends/native.ts";
import { planDownload } from "../hub/mod.ts";
import { createPipeline } from "../mod.ts";
import { memoryFolder } from "../weights/model_folder.ts";
import { testPath } from "./_networks.ts";

type Files = Record<string, Uint8Array<ArrayBuffer>>;

function filesOf(folder: string): Files {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return Object.fromEntries(
    entries.filter((entry) => statSync(`${folder}/${entry}`).isFile())
      .map((entry) => [entry.replaceAll("\\", "/"), new Uint8Array(readFileSync(`${folder}/${entry}`))]),
  );
}

/** The pixels of a small picture, and which files were read for it. */
async function run(files: Files, variant?: string): Promise<{ pixels: Uint8Array; read: Set<string> }> {
  const read = new Set<string>();
  const watched = new Proxy(files, {
    get(target, name: string) {
      read.add(name);
      return target[name];
    },
  });
  await using pipeline = await createPipeline({
    model: memoryFolder("o/n", watched),
    backend: native(),
    ...variant !== undefined && { variant },
    checkpoint: tiny,
  });
  read.delete("then");
  const { images } = await pipeline.generate({
    prompt: "a lake",
    seed: 1,
    steps: 2,
    sampler: "ddim",
    width: 64,
    height: 64,
    image: { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) }, // so that the VAE's encoder is read too
  });
  return { pixels: images[0]!.data, read };
}

/** What the shapes in the tiny checkpoint do not tell. */
const tiny = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};

const wrong = new Uint8Array([1, 2, 3]);
const diffusers = filesOf(testPath("reference/pipelines/sd15-tiny"));
const onnx = filesOf(testPath("data/onnx_sd15_tiny"));
const unet = "unet/diffusion_pytorch_model";

/** The files with some others beside them, whose content nobody may read. */
function beside(files: Files, ...names: readonly string[]): Files {
  return { ...files, ...Object.fromEntries(names.map((name) => [name, wrong])) };
}

/** The files with one under another name. */
function renamed(files: Files, ...pairs: readonly (readonly [from: string, to: string])[]): Files {
  const names = new Map(pairs);
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [names.get(name) ?? name, bytes]));
}

const clutter = [
  "README.md",
  "runs/step:200/preview v2.png",
  "safety_checker/model.safetensors",
  "unet/diffusion_pytorch_model.bin",
  "unet/diffusion_flax_model.msgpack",
];
const variants = ["fp16", "int8", "q4", "bnb4", "uint8"];
const models: readonly (readonly [what: string, files: Files, variant?: string])[] = [
  ["diffusers, with what nobody needs", beside(diffusers, ...clutter)],
  [
    "diffusers, beside another variant",
    beside(diffusers, `${unet}.fp16.safetensors`, "vae/model.non_ema.safetensors"),
  ],
  [
    "diffusers, of which one variant is all there is",
    renamed(diffusers, [`${unet}.safetensors`, `${unet}.fp16.safetensors`]),
  ],
  [
    "diffusers, of which only the UNet has the variant",
    beside(renamed(diffusers, [`${unet}.safetensors`, `${unet}.fp16.safetensors`]), `${unet}.safetensors`),
    "fp16",
  ],
  [
    "ONNX, with what nobody needs",
    beside(onnx, "README.md", "unet/notes.md", "safety_checker/model.onnx"),
  ],
  [
    "ONNX, one of six variants",
    beside(
      onnx,
      ...Object.keys(onnx).filter((name) => name.endsWith(".onnx")).flatMap((name) =>
        variants.map((variant) => name.replace(".onnx", `_${variant}.onnx`))
      ),
      "unet/model_fp16.onnx_data",
    ),
  ],
  ["a checkpoint, beside a pickle", {
    "model.ckpt": wrong,
    "tiny.safetensors": new Uint8Array(readFileSync(testPath("data/sd1_checkpoint.safetensors"))),
    ...Object.fromEntries(Object.entries(diffusers).filter(([name]) => name.startsWith("tokenizer/"))),
  }],
];

for (const [what, files, variant] of models) {
  Deno.test(`what is opened of ${what} is what is downloaded`, async () => {
    const text = files["model_index.json"];
    const index = text === undefined ? undefined : JSON.parse(new TextDecoder().decode(text));
    const planned = planDownload(Object.keys(files), index, variant === undefined ? {} : { variant });
    const whole = await run(files, variant);
    assert.deepEqual([...whole.read].filter((name) => !planned.includes(name)), [], "read, but not planned");
    const needless = planned.filter((name) => !whole.read.has(name) && !/\.(json|txt)$/.test(name));
    assert.deepEqual(needless, [], "planned, but not read");
    const alone = await run(Object.fromEntries(planned.map((name) => [name, files[name]!])), variant);
    assert.deepEqual(alone.pixels, whole.pixels);
  });
}
