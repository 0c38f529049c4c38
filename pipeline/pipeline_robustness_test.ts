/** What must not break a pipeline: a lost device, a signal at any moment, pictures that are none. */
import assert from "node:assert/strict";
import { type Events, testModel } from "../tests/_plain_model.ts";
import { BackendUnavailableError } from "../core/errors.ts";
import type { GenerateOptions } from "./generate_options.ts";
import type { Image } from "../core/image.ts";
import { Pipeline } from "./pipeline.ts";
import type { Sampler } from "../core/sampler.ts";

const prompt = "a red house";
const grey: Image = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };

Deno.test("a lost device fails the call, and the next one loads all parts again", async () => {
  for (const phase of ["encode", "predict", "decode", "load unet"]) {
    const events: Events = [];
    let lost = false;
    const lose = (event: string) => {
      if (lost || !event.startsWith(phase)) return;
      lost = true;
      throw new BackendUnavailableError("The device is gone.");
    };
    await using pipeline = new Pipeline(testModel({ events, on: lose }));
    await assert.rejects(pipeline.generate({ prompt, seed: 1 }), { name: "BackendUnavailableError" });
    const { latents } = await pipeline.generate({ prompt, seed: 1 });
    await using other = new Pipeline(testModel());
    assert.deepEqual(latents, (await other.generate({ prompt, seed: 1 })).latents);
    assert.equal(events.filter((event) => event === "load textEncoder").length, 2, phase);
  }
});

Deno.test("another error in the middle leaves the parts where they are", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events }));
  const onStep = () => {
    throw new Error("of the caller");
  };
  await assert.rejects(pipeline.generate({ prompt, onStep }), /of the caller/);
  await pipeline.generate({ prompt });
  assert.equal(events.filter((event) => event.startsWith("load")).length, 3);
});

Deno.test("a signal stops a call at once, whatever it waits for, and the next one is served", async () => {
  for (const phase of ["load textEncoder", "encode", "load unet", "load vae", "decode"]) {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const wait = async (event: string) => {
      if (!event.startsWith(phase)) return;
      reach();
      await go;
    };
    await using pipeline = new Pipeline(testModel({ on: wait }));
    const stop = new AbortController();
    const call = pipeline.generate({ prompt, seed: 1, signal: stop.signal });
    await reached;
    stop.abort();
    await assert.rejects(call, { name: "AbortError" }, phase); // though the work goes on
    const next = pipeline.generate({ prompt, seed: 1 });
    resolve();
    assert.equal((await next).images.length, 1, phase);
  }
});

Deno.test("a signal that has fired keeps a call from the queue, and from loading anything", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events }));
  await assert.rejects(pipeline.generate({ prompt, signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(events, []);
});

Deno.test("memory mode `phase` holds no part after a failure either", async () => {
  const events: Events = [];
  const stop = new AbortController();
  await using pipeline = new Pipeline(testModel({ events }), { keep: "phase" });
  const call = pipeline.generate({ prompt, signal: stop.signal, onStep: () => stop.abort() });
  await assert.rejects(call, { name: "AbortError" });
  await pipeline.generate({ prompt, steps: 1 });
  const held = events.filter((event) => /^(load|release)/.test(event));
  assert.deepEqual(held.slice(2, 5), ["load unet", "release unet", "load textEncoder"]);
});

Deno.test("a part that fails to load is loaded by the next call, and can be released", async () => {
  let failures = 0;
  const fail = (event: string) => {
    if (event === "load unet" && failures++ === 0) throw new Error("no such file");
  };
  await using pipeline = new Pipeline(testModel({ on: fail }));
  await assert.rejects(pipeline.generate({ prompt }), /no such file/);
  await pipeline.release();
  assert.equal((await pipeline.generate({ prompt })).images.length, 1);
});

Deno.test("a network that gives NaN is named, not shown as black", async () => {
  const model = testModel();
  const broken: Sampler = {
    ...model.sampler,
    async *sample(...given) {
      for await (const step of model.sampler.sample(...given)) {
        yield { ...step, latent: { ...step.latent, data: step.latent.data.map(() => NaN) } };
      }
    },
  };
  await using pipeline = new Pipeline(model);
  await assert.rejects(pipeline.generate({ prompt, sampler: broken }), /the network gave NaN or infinity/);
  assert.equal((await pipeline.generate({ prompt })).images.length, 1);
});

Deno.test("a step is decoded by the tiny autoencoder where there is one, the picture never", async () => {
  const events: Events = [];
  await using pipeline = new Pipeline(testModel({ events, tiny: true }));
  for await (const step of pipeline.stream({ prompt, steps: 2 })) await step.decode();
  assert.deepEqual(events.filter((event) => event.startsWith("decode")), [
    "decode by previewVae",
    "decode by previewVae",
    "decode by vae",
  ]);
});

Deno.test("picture files are read by the decoder that the pipeline was given, at the size of the result", async () => {
  const fits: unknown[] = [];
  await using pipeline = new Pipeline(testModel(), {
    decodeImage: (_, { width = 16, height = 24, ...fit }) => {
      fits.push([width, height, fit]);
      return Promise.resolve({ width, height, data: new Uint8Array(3 * width * height) });
    },
  });
  const file = new Uint8Array(1);
  const { images } = await pipeline.generate({ prompt, image: file, mask: new Blob([file]), width: 32 });
  assert.deepEqual([images[0]!.width, images[0]!.height], [32, 24]);
  assert.deepEqual(fits, [[32, 24, { pixels: 256, multipleOf: 8 }], [32, 24, {
    pixels: 256,
    multipleOf: 8,
  }]]);
});

const pixels = (shape: readonly number[], value = 0) => ({
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  shape,
});
const refused: readonly (readonly [string, Partial<GenerateOptions>, RegExp])[] = [
  [
    "a picture of 0 × 0",
    { image: { width: 0, height: 0, data: new Uint8Array() } },
    /image: it says 0 × 0 and has 0/,
  ],
  [
    "a picture with too few bytes",
    { image: { ...grey, data: new Uint8Array(12) } },
    /16 × 16 and has 12 values/,
  ],
  ["a picture of one channel", { image: pixels([1, 1, 16, 16]) }, /shape is \[1,1,16,16\].*expected \[1, 3,/],
  ["two pictures in one tensor", { image: pixels([2, 3, 16, 16]) }, /shape is \[2,3,16,16\]/],
  [
    "a tensor whose data is short",
    { image: { ...pixels([1, 3, 16, 16]), data: new Float32Array(3) } },
    /3 elements/,
  ],
  ["a picture with NaN", { image: pixels([1, 3, 16, 16], NaN) }, /the image: it holds NaN or infinity/],
  ["a mask with infinity", { image: grey, mask: pixels([1, 1, 16, 16], Infinity) }, /the mask: it holds NaN/],
  ["a mask of three channels", { image: grey, mask: pixels([1, 3, 16, 16]) }, /the mask: its shape/],
  [
    "a tensor mask of another size",
    { image: grey, mask: pixels([1, 1, 8, 8]) },
    /the mask: it is 8 × 8, expected 16/,
  ],
  ["strength below 0", { image: grey, strength: -0.1 }, /strength -0.1: expected a number from 0 to 1/],
  ["strength that is no number", { image: grey, strength: NaN }, /strength NaN/],
  ["strength without a picture", { strength: 0.5 }, /a strength but no image/],
  ["100 megapixels", { width: 10_000, height: 10_000 }, /10000 × 10000: expected at most 67108864 pixels/],
  ["latents of another rank", { latents: pixels([4, 2, 2]) }, /shape is \[4,2,2\], expected \[1,4,2,2\]/],
  ["no prompt at all", { prompt: [] }, /the list of prompts is empty/],
  ["a file where nothing reads files", { image: new Uint8Array(3) }, /made without an image decoder/],
  [
    "a control picture of another size",
    {
      control: [{
        source: { prepare: () => Promise.reject(), [Symbol.asyncDispose]: () => Promise.resolve() },
        image: { ...grey, width: 8, height: 32 },
      }],
    },
    /the control image: it is 8 × 32, expected 16 × 16/,
  ],
];
for (const [what, options, message] of refused) {
  Deno.test(`${what} is refused with one clear error before anything is loaded, and the pipeline goes on`, async () => {
    const events: Events = [];
    await using pipeline = new Pipeline(testModel({ events }));
    await assert.rejects(pipeline.generate({ prompt, ...options }), { message });
    assert.deepEqual(events, []);
    assert.equal((await pipeline.generate({ prompt, steps: 1 })).images.length, 1);
  });
}
