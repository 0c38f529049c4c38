/** Every option that can change a pixel is in the record of a picture, or named there as not kept. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { GenerateOptions } from "../core/generate_options.ts";
import type { LoraInput } from "../core/model.ts";
import { TorchGenerator } from "../core/torch_noise.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import { ddim } from "../samplers/ddim.ts";
import { testPath } from "../tests/_networks.ts";
import { KEPT, originOf, recordedOptions } from "./_origin.ts";
import { createPipeline, type CreatePipelineOptions } from "./create_pipeline.ts";
import { parametersText } from "./encode_generated.ts";
import { readPictureRequest } from "./records/read_picture_request.ts";

const base: GenerateOptions = { prompt: "a red house", seed: 1, steps: 3, width: 64, height: 64 };
const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(90) };

/** A value of each option other than the usual one, with what it needs beside it. A further option does not type-check. */
const others: Readonly<Record<keyof GenerateOptions, Partial<GenerateOptions>>> = {
  prompt: { prompt: "a blue house" },
  negativePrompt: { negativePrompt: "fog" },
  prompt2: { prompt2: "watercolour" },
  negativePrompt2: { negativePrompt2: 'text, "signature"' },
  sizes: { sizes: { original: { width: 500, height: 400 }, negative: { crop: { top: 3, left: 5 } } } },
  sampler: { sampler: ddim({ steps: 3, eta: 0.5, spacing: "trailing" }) },
  steps: { steps: 2 },
  guidance: { guidance: 3 },
  guidanceRescale: { guidanceRescale: 0.5 },
  guidanceMode: { guidanceMode: "passes" },
  batchSize: { batchSize: 1, count: 2 },
  width: { width: 128 },
  height: { height: 128 },
  count: { count: 2 },
  seed: { seed: 2 },
  batchNoise: { batchNoise: "shared", count: 2 },
  rng: { rng: "cuda" },
  image: { image },
  strength: { strength: 0.5, image },
  mask: { mask: image, image },
  control: { control: [{ source: "edges", image, scale: 0.5, window: [0, 0.5] }] },
  latents: { latents: { data: new TorchGenerator(3).randn(1 * 4 * 16 * 16), shape: [1, 4, 16, 16] } },
  clipSkip: { clipSkip: 1 },
  promptSyntax: { promptSyntax: "weighted" },
  record: { record: { Project: "houses" } },
  onWarning: { onWarning: () => {} },
  signal: { signal: new AbortController().signal },
  onStep: { onStep: () => {} },
};
/** These are for models that not all are, as Stable Diffusion XL. */
const ofSome: ReadonlySet<string> = new Set(["prompt2", "negativePrompt2", "sizes"]);
/** These change no pixel. */
const silent: ReadonlySet<string> = new Set(["onWarning", "signal", "onStep"]);

Deno.test("every option of generate is in the record, and the record makes it again", async (t) => {
  await using pipeline = await createPipeline({ backend: native() });
  const { latentChannels: channels, scale } = pipeline.model;
  const latents = {
    data: new TorchGenerator(3).randn(channels * (64 / scale) ** 2),
    shape: [1, channels, 64 / scale, 64 / scale],
  };
  const made = async (options: Partial<GenerateOptions>) => {
    const { images } = await pipeline.generate({ ...base, ...options, ...options.latents && { latents } });
    return { ...images[0]!, text: parametersText(images[0]!.parameters) };
  };
  for (const [name, options] of Object.entries(others)) {
    if (ofSome.has(name)) continue; // below
    await t.step(name, async () => {
      const { [name as keyof GenerateOptions]: _, ...needs } = options;
      const [usual, changed] = [await made(needs), await made(options)];
      if (silent.has(name)) return void assert.equal(changed.text, usual.text);
      assert.notEqual(changed.text, usual.text);
      const { options: asked, kept } = await readPictureRequest(await changed.encode("png"));
      assert.equal(kept?.["Project"], options.record?.["Project"]);
      if (name === "latents") return void assert.match(changed.text, /Not kept: latents/);
      if (options.count !== undefined) return; // of several pictures: that they were is what the record says
      const { sampler, samplerOptions, model, backend, opened, loras, control, ...rest } = asked;
      assert.deepEqual([model, backend, opened, loras], ["mini", "native", undefined, undefined]);
      const again = await made({
        ...rest,
        sampler: createSampler(sampler!, samplerOptions),
        ...options.image !== undefined && { image: options.image },
        ...options.mask !== undefined && { mask: options.mask },
        ...control !== undefined && { control: control.map((own) => ({ ...own, image })) },
        ...options.record !== undefined && { record: options.record },
      });
      assert.equal(again.text, changed.text);
      assert.deepEqual(again.data, changed.data);
    });
  }
});

Deno.test("options for two text encoders and told sizes are in the record, and an empty negative prompt", async () => {
  const model = testPath("./reference2/pipelines/sdxl-tiny");
  await using pipeline = await createPipeline({ model, backend: native() });
  const made = async (options: Partial<GenerateOptions>) => {
    const { images: [image] } = await pipeline.generate({ ...base, steps: 1, ...options });
    return image!;
  };
  const usual = await made({});
  for (const options of [{ negativePrompt: "" }, ...[...ofSome].map((name) => others[name as "sizes"])]) {
    const changed = await made(options);
    assert.notDeepEqual(changed.data, usual.data);
    const { options: asked } = await readPictureRequest(await changed.encode("png"));
    for (const [name, value] of Object.entries(options)) assert.deepEqual(asked[name as "sizes"], value);
  }
});

Deno.test("every field of a LoRA is in the record", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  const used: Readonly<Required<LoraInput>> = { source: "candy", scale: 0.5, strict: false };
  await pipeline.setLoras([used]);
  const { images } = await pipeline.generate(base);
  const { options } = await readPictureRequest(await images[0]!.encode("webp"));
  assert.deepEqual(options.loras, [used]);

  const { default: carried } = await import("../assets/mini/lora_candy.ts");
  const packed = new Blob([Uint8Array.from(atob(carried), (c) => c.charCodeAt(0))]).stream();
  const source = new Uint8Array(
    await new Response(packed.pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer(),
  );
  await pipeline.setLoras([{ source }]);
  const { images: [unnamed] } = await pipeline.generate(base);
  assert.match(parametersText(unnamed!.parameters), /LoRAs: ".*hash.*[0-9a-f]{64}.*Not kept: loras/);
  const { remarks } = await readPictureRequest(await unnamed!.encode("jpeg"));
  assert.ok(remarks.some(({ option, text }) => option === "loras" && /cannot be kept/.test(text)));
});

Deno.test("every option of createPipeline is in the record, or named there as not kept", async () => {
  const values: Readonly<Record<keyof CreatePipelineOptions, unknown>> = {
    model: "mini",
    backend: "native",
    hub: { revision: "v1", token: "secret", baseUrl: "https://mirror.example" },
    keep: "phase",
    dtype: "int8",
    variant: "fp16",
    vae: "vae_tiny",
    unet: "unet.safetensors",
    textEncoder: "./text_encoder",
    tile: 512,
    tokenizer: "./tokenizer",
    predictionType: "v_prediction",
    checkpoint: { vae: { norm_num_groups: 4 } },
    inversions: [{ token: "<cat>" }],
    loraPorts: { modules: "all", rank: 4 },
    adapters: [],
    family: "Stable Diffusion",
  };
  for (const [name, how] of Object.entries(KEPT)) {
    const value = values[name as keyof typeof values];
    const origin = await originOf("mini", { [name]: value });
    if (how === "json" || how === "name") {
      assert.deepEqual(origin, { source: "mini", options: { [name]: value }, lacks: [] }, name);
      assert.deepEqual(recordedOptions(JSON.parse(JSON.stringify(origin.options))), { [name]: value });
    } else if (how === "lacking") assert.deepEqual(origin.lacks, [name]);
    else if (how === "nothing") assert.deepEqual(origin, { source: "mini", options: {}, lacks: [] });
  }
  const parts = { unet: "int8", vae: { weights: "stored", activations: "float32" } } as const;
  const apart = await originOf("mini", { dtype: parts });
  assert.deepEqual(recordedOptions(JSON.parse(JSON.stringify(apart.options))), { dtype: parts });
  assert.throws(() => recordedOptions({ dtype: 8 }), /it was opened with dtype: 8/);
  const { options } = await originOf("mini", { hub: values.hub as object });
  assert.deepEqual(options, { hub: { revision: "v1" } });
  assert.deepEqual((await originOf({} as CreatePipelineOptions["model"], {})).lacks, ["model"]);
  assert.deepEqual((await originOf("mini", { family: {} as never, tokenizer: {} })).lacks, [
    "family",
    "tokenizer",
  ]);
});

Deno.test("a stranger's record opens nothing but what a record keeps", () => {
  assert.throws(() => recordedOptions({ backend: "native" }), /opened with backend: "native"/);
  assert.throws(() => recordedOptions({ tile: "1" }), TypeError);
  assert.throws(() => recordedOptions({ hub: { baseUrl: "https://elsewhere.example" } }), TypeError);
  assert.deepEqual(recordedOptions({ hub: { revision: "a", baseUrl: "https://elsewhere.example" } }), {
    hub: { revision: "a" },
  });
  assert.throws(() => recordedOptions(JSON.parse('{"__proto__": {"x": 1}}')), TypeError);
});

Deno.test("a note cannot pass for a setting", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  for (const name of ["Seed", "LoRAs", "a:b"]) {
    const { images } = await pipeline.generate({ ...base, record: { [name]: "7" } });
    assert.throws(() => images[0]!.encode("png"), RangeError, name);
  }
});
