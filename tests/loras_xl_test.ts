/** LoRAs of all three networks of Stable Diffusion XL, in five spellings: merged, and swapped hot in one loaded model. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { LoraInput } from "../core/model.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";
import { cpuBackends, testPath } from "./_networks.ts";

interface Case {
  readonly tag: string;
  readonly files: readonly { readonly file: string; readonly scale: number }[];
}
interface Cases {
  readonly pipeline_arguments: {
    readonly prompt: string;
    readonly negative_prompt: string;
    readonly guidance_scale: number;
    readonly num_inference_steps: number;
    readonly seed: number;
  };
  readonly cases: readonly Case[];
}

const { pipeline_arguments: given, cases } = await readJson<Cases>("../reference2/lora/cases.json");
const expected = await readFixture("../reference2/lora/expected.safetensors");
const model = testPath("./reference2/pipelines/sdxl-tiny");
const long = Deno.env.get("LONG") === "1";
const [wasm, native] = cpuBackends as [Backend, Backend];

/** One of each spelling; the rest are scales and sums of these. */
const spellings = cases.filter(({ tag }) => tag.endsWith("@1") || tag.includes("+"));
const all = [...cases, { tag: "none", files: [] }];

async function check(pipeline: Pipeline, { tag, files }: Case): Promise<void> {
  const inputs: LoraInput[] = files.map(({ file, scale }) => ({
    source: testPath(`./reference2/${file}`),
    scale,
  }));
  assert.deepEqual(await pipeline.setLoras(inputs), []);
  const { latents } = await pipeline.generate({
    prompt: given.prompt,
    negativePrompt: given.negative_prompt,
    guidance: given.guidance_scale,
    steps: given.num_inference_steps,
    seed: given.seed,
    width: 64,
    height: 64,
  });
  const { data } = expected.float32(`${tag}.latents`);
  const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const off = maxAbsDifference(latents.data, data);
  // such runs move by as much when their start moves by 1e-5
  assert.ok(off <= 1e-4 * largest, `${tag}: ${off} off, largest ${largest}`);
}

for (const backend of long ? [native, wasm] : [native]) {
  Deno.test(`${backend.name}: LoRAs of Stable Diffusion XL, merged`, async () => {
    await using pipeline = await createPipeline({ model, backend });
    for (const one of long ? all : spellings) await check(pipeline, one);
  });
}

for (const backend of long ? [native, wasm] : [native]) {
  Deno.test(`${backend.name}: LoRAs of Stable Diffusion XL, hot, and none again`, async () => {
    let loads = 0;
    const counting: Backend = { ...backend, load: (...given) => (loads++, backend.load(...given)) };
    const loraPorts = { modules: "all", rank: 8 } as const;
    await using pipeline = await createPipeline({ model, backend: counting, loraPorts });
    for (const one of long ? all : [...spellings.slice(0, 2), ...all.slice(-1)]) await check(pipeline, one);
    assert.equal(loads, 4, "two text encoders, the UNet and the decoder, each once");
  });
}

Deno.test("a LoRA of a higher rank than the ports is refused before anything is loaded", async () => {
  const refusing: Backend = { ...native, load: () => Promise.reject(new Error("loaded")) };
  const loraPorts = { modules: "all", rank: 2 } as const;
  await using pipeline = await createPipeline({ model, backend: refusing, loraPorts });
  await assert.rejects(
    pipeline.setLoras([{ source: testPath("./reference2/lora/peft.safetensors") }]),
    /RangeError.*the ranks at .* = 4, but the ports hold 2/,
  );
});

Deno.test("a LoRA of Stable Diffusion 1.x on XL, and the other way round, is one clear error", async () => {
  await using xl = await createPipeline({ model, backend: native });
  const one = testPath("./reference/lora/kohya.safetensors");
  await assert.rejects(
    xl.setLoras([{ source: one }]),
    /WeightsError.*made for a text width of 32, expected 20/,
  );
  await using sd1 = await createPipeline({
    model: testPath("./reference/pipelines/small4-tiny"),
    backend: native,
  });
  const two = testPath("./reference2/lora/kohya_ldm.safetensors");
  await assert.rejects(
    sd1.setLoras([{ source: two }]),
    /WeightsError.*made for a text width of 20, expected 32/,
  );
});

Deno.test("each text encoder may have a scale of its own, else the second takes the first's", async () => {
  await using pipeline = await createPipeline({ model, backend: native });
  const source = testPath("./reference2/lora/peft.safetensors");
  const latents = async (scale: LoraInput["scale"]) => {
    await pipeline.setLoras([{ source, ...scale !== undefined && { scale } }]);
    return (await pipeline.generate({ prompt: "a lake", steps: 1, seed: 1, width: 64, height: 64 })).latents
      .data;
  };
  const same = await latents({ unet: 0.5, textEncoder: 0.5 });
  assert.deepEqual(same, await latents(0.5));
  assert.notDeepEqual(same, await latents({ unet: 0.5, textEncoder: 0.5, textEncoder2: 0 }));
});
