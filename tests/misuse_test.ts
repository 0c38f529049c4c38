/** What a caller without types may get wrong is one clear error; names that are unambiguous work. */
import assert from "node:assert/strict";
import { wasm } from "../backends/wasm.ts";
import { createPipeline } from "../mod.ts";
import type { GenerateOptions } from "../pipeline/generate_options.ts";

const untyped = (value: unknown) => value as GenerateOptions;

Deno.test("misuse of a pipeline is one clear error each, and it goes on", async () => {
  await using pipeline = await createPipeline({ backend: wasm({ worker: false }) });
  for (
    const [options, message] of [
      ["a red house", /the options are a string, expected an object such as \{ prompt: … \}/],
      [undefined, /the options are a undefined/],
      [{ prompt: 7 }, /the prompt is number/],
      [{ prompt: "a", promt: "b" }, /there is no option "promt", expected one of batchNoise, batchSize/],
      [{ prompt: "a", sampler: "eulr" }, /"eulr".*did you mean "euler"/],
    ] as const
  ) {
    await assert.rejects(pipeline.generate(untyped(options)), { message });
  }
  const run = { prompt: "a red house", steps: 1, seed: 1, width: 64, height: 64 };
  const { images } = await pipeline.generate({ ...run, sampler: "DPM++ 2M Karras" });
  assert.equal(images[0]!.parameters.sampler, "dpmpp_2m");
});

Deno.test("a pipeline that was disposed of says so", async () => {
  const pipeline = await createPipeline({ backend: "wasm" });
  await pipeline[Symbol.asyncDispose]();
  await assert.rejects(pipeline.generate({ prompt: "a" }), {
    name: "TypeError",
    message: /has been disposed of/,
  });
});

Deno.test("createPipeline refuses what it does not know", async () => {
  await assert.rejects(createPipeline({ backend: "metal" as "wasm" }), {
    message: /the backend "metal": expected auto, webgpu, native, wasm, or a Backend/,
  });
  await assert.rejects(createPipeline({ dtype: "float8" as "int8" }), {
    name: "TypeError",
    message:
      /^Cannot compute in "float8": expected float32, float16, bfloat16, int8, int8-dynamic, int4, w8a8, or/,
  });
  await assert.rejects(createPipeline({ dtype: { unet: "int8", decoder: "int8" } as object }), {
    name: "TypeError",
    message: /there is no option "decoder", expected one of control, textEncoder, unet, vae/,
  });
  await assert.rejects(createPipeline({ modell: "mini" } as object), /there is no option "modell"/);
});
