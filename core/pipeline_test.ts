import assert from "node:assert/strict";
import { type Events, plainSampler, testModel } from "../tests/_plain_model.ts";
import type { GenerateOptions } from "./generate_options.ts";
import type { LoraInput, Model } from "./model.ts";
import { Pipeline } from "./pipeline.ts";

const prompt = "a red house";

Deno.test("a run gives one picture a row, with its seed", async () => {
  await using pipeline = new Pipeline(testModel());
  const { images, latents } = await pipeline.generate({ prompt, count: 3, seed: 7 });
  assert.deepEqual(images.map(({ parameters }) => parameters.seed), [7, 8, 9]);
  assert.deepEqual(latents.shape, [3, 4, 2, 2]);
  assert.deepEqual([images[0]!.width, images[0]!.height, images[0]!.data.length], [16, 16, 768]);
});

Deno.test("a picture of a batch is the picture of its seed alone", async () => {
  await using pipeline = new Pipeline(testModel());
  const both = await pipeline.generate({ prompt, count: 2, seed: 7 });
  const second = await pipeline.generate({ prompt, seed: 8 });
  assert.deepEqual(both.latents.data.slice(16), second.latents.data);
});

Deno.test("a seed that was not given is reported and makes the same picture", async () => {
  await using pipeline = new Pipeline(testModel());
  const first = await pipeline.generate({ prompt });
  const again = await pipeline.generate({ prompt, seed: first.images[0]!.parameters.seed });
  assert.deepEqual(again.latents, first.latents);
});

Deno.test("guidance runs in one batch or in two passes, with the same result", async () => {
  const run = async (guidanceMode: "batch" | "passes") => {
    const events: Events = [];
    await using pipeline = new Pipeline(testModel({ events }));
    const { latents } = await pipeline.generate({
      prompt,
      negativePrompt: "fog",
      seed: 1,
      steps: 1,
      guidanceMode,
    });
    return { latents, rows: events.filter((event) => event.startsWith("predict")) };
  };
  const [batch, passes] = [await run("batch"), await run("passes")];
  assert.deepEqual(batch.rows, ["predict 2 rows"]);
  assert.deepEqual(passes.rows, ["predict 1 rows", "predict 1 rows"]);
  assert.deepEqual(batch.latents, passes.latents);
});

Deno.test("guidance of 1 or less, and guidance-distilled networks, take one pass", async () => {
  for (const [model, guidance] of [[{}, 1], [{}, 0], [{ config: { timeCondProjDim: 8 } }, 7.5]] as const) {
    const events: Events = [];
    await using pipeline = new Pipeline(testModel({ events, ...model }));
    await pipeline.generate({ prompt, guidance, steps: 1 });
    assert.deepEqual(events.filter((event) => event.startsWith("predict")), ["predict 1 rows"]);
  }
});

Deno.test("pictures are made a few at a time, and are the same", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events }));
  const options = { prompt: ["a house", "a lake"], negativePrompt: ["", "fog"], count: 2, seed: 7, steps: 1 };
  const together = await pipeline.generate(options);
  const { latents } = await pipeline.generate({ ...options, batchSize: 3 });
  assert.deepEqual(latents, together.latents);
  const rows = events.filter((event) => event.startsWith("predict"));
  assert.deepEqual(rows, ["predict 8 rows", "predict 6 rows", "predict 2 rows"]);
});

Deno.test("the stream yields every step, with a preview and a decoded picture", async () => {
  await using pipeline = new Pipeline(testModel());
  const seen: number[] = [];
  for await (const step of pipeline.stream({ prompt, steps: 3, seed: 1 })) {
    seen.push(step.index);
    assert.deepEqual([step.preview()[0]!.width, (await step.decode())[0]!.width], [2, 16]);
  }
  assert.deepEqual(seen, [0, 1, 2]);
});

Deno.test("breaking out of the stream lets the next call run", async () => {
  await using pipeline = new Pipeline(testModel());
  for await (const _ of pipeline.stream({ prompt })) break;
  assert.equal((await pipeline.generate({ prompt })).images.length, 1);
});

Deno.test("a timeout stops a run before its next step, also when predictions never leave the thread", async () => {
  let predictions = 0;
  const busy = (event: string) => {
    if (!event.startsWith("predict")) return;
    predictions++;
    for (const start = performance.now(); performance.now() - start < 20;);
  };
  await using pipeline = new Pipeline(testModel({ on: busy }));
  const started = pipeline.generate({ prompt, steps: 500, signal: AbortSignal.timeout(100) });
  await assert.rejects(started, { name: "TimeoutError" });
  assert.ok(predictions < 100, `${predictions} predictions after a timeout of about five`);
  assert.equal((await pipeline.generate({ prompt, steps: 1 })).images.length, 1);
});

Deno.test("concurrent calls are served in order, each with its own signal", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events }));
  const cancel = new AbortController();
  const calls = [
    pipeline.generate({ prompt: "first", steps: 2 }),
    pipeline.generate({ prompt: "second", steps: 2, signal: cancel.signal }),
    pipeline.generate({ prompt: "third", steps: 2 }),
  ];
  cancel.abort();
  const results = await Promise.allSettled(calls);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(events.filter((event) => event.startsWith("encode")), ["encode first|", "encode third|"]);
});

Deno.test("memory mode `phase` holds one part at a time", async () => {
  const events: Events = [];
  const pipeline = new Pipeline(testModel({ events }), { keep: "phase" });
  await pipeline.generate({ prompt, steps: 1 });
  assert.deepEqual(events.filter((event) => /load|release/.test(event)), [
    "load textEncoder",
    "release textEncoder",
    "load unet",
    "release unet",
    "load vae",
    "release vae",
  ]);
});

Deno.test("where parts stay, the network is loaded while the prompt is encoded, and the decoder while it denoises", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events }));
  await pipeline.generate({ prompt, steps: 1 });
  const at = (event: string) => events.findIndex((happened) => happened.startsWith(event));
  assert.ok(at("load unet") < at("encode") && at("load vae") < at("predict"), events.join(", "));
});

Deno.test("dispose releases every part, and a released pipeline loads again", async () => {
  const events: Events = [];
  const pipeline = new Pipeline(testModel({ events }));
  await pipeline.generate({ prompt, steps: 1 });
  await pipeline.release();
  assert.deepEqual(events.filter((event) => event.startsWith("release")).sort(), [
    "release textEncoder",
    "release unet",
    "release vae",
  ]);
  assert.equal((await pipeline.generate({ prompt, steps: 1 })).images.length, 1);
});

Deno.test("repainting keeps the known area", async () => {
  await using pipeline = new Pipeline(testModel());
  const image = { width: 16, height: 16, data: new Uint8Array(768) };
  const mask = {
    width: 16,
    height: 16,
    data: Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3) % 16 < 8 ? 255 : 0),
  };
  const { latents } = await pipeline.generate({ prompt, image, mask, seed: 3 });
  assert.deepEqual(
    [...latents.data].map((value) => value === 0),
    Array.from({ length: 16 }, (_, i) => i % 2 === 1),
  );
});

const impossible: readonly (readonly [string, Partial<GenerateOptions>, RegExp])[] = [
  [
    "a width that is not a multiple of 8",
    { width: 20 },
    /width 20: expected a multiple of 8, such as 16 or 24/,
  ],
  ["no steps", { steps: 0 }, /steps 0: expected a whole number from 1 to 1000/],
  ["no pictures at once", { batchSize: 0 }, /batchSize 0: expected a whole number from 1 to 1024/],
  ["a fraction of a step", { steps: 2.5 }, /steps 2.5/],
  ["guidance that is not a number", { guidance: NaN }, /guidance NaN: expected a number from 0 to 1000/],
  [
    "strength above 1",
    { image: { width: 16, height: 16, data: new Uint8Array(768) }, strength: 1.5 },
    /strength 1.5/,
  ],
  ["a negative seed", { seed: -1 }, /seed -1/],
  ["too few seeds", { seed: [1, 2], count: 3 }, /3 pictures from 2 seeds/],
  [
    "latents of another shape",
    { latents: { data: new Float32Array(4), shape: [1, 4, 1, 1] } },
    /\[1,4,1,1\], expected \[1,4,2,2\]/,
  ],
  [
    "latents with NaN",
    { latents: { data: new Float32Array(16).fill(NaN), shape: [1, 4, 2, 2] } },
    /NaN or infinity/,
  ],
  [
    "a mask without a picture",
    { mask: { width: 16, height: 16, data: new Uint8Array(768) } },
    /a mask but no image/,
  ],
  [
    "a mask of another size",
    {
      image: { width: 16, height: 16, data: new Uint8Array(768) },
      mask: { width: 8, height: 8, data: new Uint8Array(192) },
    },
    /the mask: it is 8 × 8, expected 16 × 16/,
  ],
  [
    "a sampler that the weights are not made for",
    { sampler: { ...plainSampler, needs: "ufogen" } },
    /"ufogen", the model has base/,
  ],
  ["as many negative prompts as nothing", { negativePrompt: ["a", "b"] }, /2 negative prompts for 1 prompts/],
];
for (const [what, options, message] of impossible) {
  Deno.test(`${what} is refused with one clear error, and the pipeline goes on`, async () => {
    await using pipeline = new Pipeline(testModel());
    await assert.rejects(pipeline.generate({ prompt, ...options }), { message });
    assert.equal((await pipeline.generate({ prompt, steps: 1 })).images.length, 1);
  });
}

Deno.test("a sampler for distilled weights warns once a run, unless the model or a LoRA says that it has them", async () => {
  const lcm = { ...plainSampler, name: "lcm", meantFor: "lcm" };
  const warningsOf = async (model: Model, loras: readonly LoraInput[] = []) => {
    const warnings: string[] = [];
    await using pipeline = new Pipeline({ ...model, setLoras: () => Promise.resolve([]) });
    await pipeline.setLoras(loras);
    await pipeline.generate({ prompt, sampler: lcm, count: 2, onWarning: (text) => warnings.push(text) });
    return warnings;
  };
  const [warning, ...more] = await warningsOf(testModel(), [{ source: "watercolour.safetensors" }]);
  assert.match(
    warning!,
    /^The sampler "lcm" is meant for weights distilled for it.*nothing says that "test" has/,
  );
  assert.deepEqual(more, []);
  assert.deepEqual(await warningsOf({ ...testModel(), name: "SimianLuo/LCM_Dreamshaper_v7" }), []);
  assert.deepEqual(await warningsOf({ ...testModel(), sampler: lcm }), []);
  assert.deepEqual(await warningsOf(testModel({ config: { timeCondProjDim: 8 } })), []);
  assert.deepEqual(await warningsOf(testModel(), [{ source: "loras/lcm-lora-sdv1-5.safetensors" }]), []);
});
