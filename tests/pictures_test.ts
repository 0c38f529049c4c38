/**
 * A dozen pictures, kept bit for bit: what moves or rewrites code without meaning to change a picture shows it here.
 * WASM on one thread, whose kernels and order of summation are the same on every machine. A commit that changes a
 * sum says why.
 */
import assert from "node:assert/strict";
import { wasm } from "../backends/wasm.ts";
import { readOracleScenes } from "../bench/eval/scenes.ts";
import type { GenerateOptions } from "../pipeline/generate_options.ts";
import type { LoraInput } from "../core/model.ts";
import { cannyEdges } from "../image/mod.ts";
import { createPipeline } from "../mod.ts";
import { createSampler, ddim, progressiveDistillation, ufogen } from "../samplers/mod.ts";
import { maxAbsDifference } from "./_fixtures.ts";

interface Kept {
  readonly options: Omit<GenerateOptions, "prompt" | "seed">;
  readonly loras?: readonly LoraInput[];
  readonly hot?: boolean;
  readonly model?: string;
  /** SHA-256 of the RGB bytes, picture after picture. */
  readonly sum: string;
}

const { picture, request: { prompt } } = (await readOracleScenes())[24]!;
const edges = cannyEdges(picture);
const { width, height } = picture;
const mask = {
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => i % (3 * width) < 1.5 * width ? 255 : 0),
};
const tiny = new URL("./reference/pipelines/sd15-tiny", import.meta.url).pathname;
const candy = [{ source: "candy", scale: 0.7 }];
const small = { width: 64, height: 64, guidance: 5, negativePrompt: "blurry" };

const kept: Readonly<Record<string, Kept>> = {
  "DDIM, guided": {
    options: { sampler: ddim(), steps: 4 },
    sum: "0cc10f53047ac0cbda8eeeaa262321d6ce527cdb91125574e3182dbf7531142a",
  },
  "DDIM with fresh noise, two pictures, rescaled guidance": {
    options: { sampler: ddim({ eta: 1 }), steps: 3, count: 2, guidanceRescale: 0.7 },
    sum: "792e5ba52f6461694fd9d07152d958c4c9aa89dece94c6240a991016676198a3",
  },
  "progressive distillation": {
    options: { sampler: progressiveDistillation(), steps: 4 },
    sum: "a31af1d01af51b567f33db908b4fa77b144cb86720ab36bc2e202686bf73ded6",
  },
  "UFOGen": {
    options: { sampler: ufogen() },
    sum: "ae1e00f2085821395ef9b42c016cc302c38c2d9ddc5f99eebda3562aa82f018f",
  },
  "UFOGen, two steps": {
    options: { sampler: ufogen({ steps: 2 }) },
    sum: "492f96aca0a2d9129c870c3269a26f13f2657f80fa849ba5eed69c74f9f379e2",
  },
  "a merged LoRA": {
    options: { sampler: ufogen() },
    loras: candy,
    sum: "8665206512f879fa71a23c125ff984fb143aa4cef14ba6dc78de3c8108619ac5",
  },
  "a hot LoRA": {
    options: { sampler: ufogen() },
    loras: candy,
    hot: true,
    sum: "cfddeb4a57e40a17000d410c749235c12333bb1a0dc55888c83d27cca07822f9",
  },
  "a control": {
    options: { sampler: ddim(), steps: 2, control: [{ source: "edges", image: edges, window: [0, 0.5] }] },
    sum: "2de9c473553128c41b56b7b6eba771b701c84ef9f840a5f2fe8ef78be12164c0",
  },
  "from a picture": {
    options: { sampler: ddim(), steps: 4, image: picture, strength: 0.5 },
    sum: "d01a741db6b0991094506b4a51720759995ac39b8f5afa315083469c57af371a",
  },
  "repainting": {
    options: { sampler: ddim(), steps: 4, image: picture, mask, strength: 0.75 },
    sum: "ac7d5dffd28d650f81e8c9b28a1c77aa4a143fd4623a8fd4a60ecbda400360f3",
  },
  "sd15-tiny with its own sampler": {
    options: { ...small, steps: 6 },
    model: tiny,
    sum: "d634c563e707af5115ddff97946aef03de00df94087fffdef2b1bf40fc3d46c9",
  },
  "sd15-tiny, DPM++ 2M Karras": {
    options: { ...small, sampler: createSampler("DPM++ 2M Karras"), steps: 6 },
    model: tiny,
    sum: "65bde981bfad7b8ba40f58b73c37cc08f0a353535173dcac2bff47955cdaa218",
  },
  "sd15-tiny, Euler ancestral": {
    options: { ...small, sampler: createSampler("Euler a"), steps: 6 },
    model: tiny,
    sum: "059346379c9b08a92a81c5d894ec99234385a3b294551ddc449d8786f2eff9d4",
  },
};

for (const [name, { options, loras, hot, model, sum }] of Object.entries(kept)) {
  Deno.test(`the picture is kept bit for bit: ${name}`, async () => {
    await using pipeline = await createPipeline({
      backend: wasm({ threads: 1 }),
      ...model !== undefined && { model },
      ...hot && { loraPorts: { modules: "attention", rank: 16 } },
    });
    if (loras !== undefined) await pipeline.setLoras(loras);
    const { images } = await pipeline.generate({ ...options, prompt, seed: 7 });
    const pixels = await new Blob(images.map(({ data }) => data.slice())).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels));
    assert.ok(maxAbsDifference(images[0]!.data, images[0]!.data.slice().fill(images[0]!.data[0]!)) > 8);
    assert.equal(digest.toHex(), sum);
  });
}
