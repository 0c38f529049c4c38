import assert from "node:assert/strict";
import { LazyPart } from "../core/lazy_part.ts";
import type { TextEncoder, Unet, Vae } from "../core/parts.ts";
import { createPipeline, modelOf } from "../mod.ts";
import { euler } from "../samplers/mod.ts";
import { createSchedule, scheduleFrom } from "../schedules/mod.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";

const done = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** Encodes nothing, predicts the same value everywhere, decodes as it is. */
function parts(value: number) {
  const textEncoder: TextEncoder = {
    ...done,
    encode: ({ passes, prompts }) => {
      const states = { data: new Float32Array(prompts.length), shape: [prompts.length, 1, 1] };
      return Promise.resolve({ passes: passes.map((name) => ({ name, conditioning: { states } })) });
    },
  };
  const unet: Unet = {
    ...done,
    traits: {},
    prepare: () =>
      Promise.resolve({
        ...done,
        predict: ({ data, shape }) => Promise.resolve({ data: data.map(() => value), shape }),
      }),
  };
  const vae: Vae = {
    ...done,
    traits: { latentChannels: 3, scale: 1 },
    encode: (pixels) => Promise.resolve(pixels),
    decode: (latent) => Promise.resolve(latent),
  };
  return { textEncoder, unet, vae };
}

const run = { prompt: "a", steps: 3, width: 8, height: 8, seed: 1 };

Deno.test("a model of one's own parts makes pictures, again and again", async () => {
  const model = modelOf({ ...parts(0.5), schedule: createSchedule({ predictionType: "sample" }) });
  assert.deepEqual([model.name, model.sampler.name, model.size], ["own", "ddim", 512]);
  await using pipeline = await createPipeline({ model, keep: "phase" });
  for (let i = 0; i < 2; i++) {
    const { images: [image] } = await pipeline.generate(run);
    assert.ok(image!.data.every((value) => value === Math.round(0.75 * 255)));
  }
});

Deno.test("parts that are given lazily are loaded when they are needed, and dropped", async () => {
  const events: string[] = [];
  const { textEncoder, unet, vae } = parts(0);
  const lazy = <T extends AsyncDisposable>(name: string, part: T) =>
    new LazyPart<T>((owned) => {
      events.push(`+${name}`);
      owned.defer(() => void events.push(`-${name}`));
      return Promise.resolve(part);
    });
  const model = modelOf({
    textEncoder: lazy("text", textEncoder),
    unet: { traits: unet.traits, part: lazy("unet", unet) },
    vae: { traits: vae.traits, part: lazy("vae", vae) },
    schedule: createSchedule(),
    size: 8,
    guidanceScale: 1,
  });
  assert.deepEqual([events, model.scale, model.latentChannels], [[], 1, 3]);
  await using pipeline = await createPipeline({ model, keep: "phase" });
  await pipeline.generate(run);
  assert.deepEqual(events, ["+text", "-text", "+unet", "-unet", "+vae", "-vae"]);
});

Deno.test("a schedule may depend on the picture's size, as the shift of a flow does", async () => {
  const { schedule: config } = readScheduleConfig({
    _class_name: "FlowMatchEulerDiscreteScheduler",
    use_dynamic_shifting: true,
  });
  const sizes: string[] = [];
  const model = modelOf({
    ...parts(0),
    sampler: euler(),
    schedule: ({ width, height }) => {
      sizes.push(`${width} × ${height}`);
      return scheduleFrom(config, { tokens: width * height / 4 });
    },
  });
  await using pipeline = await createPipeline({ model });
  const first = async (width: number, height: number) => {
    for await (const step of pipeline.stream({ ...run, width, height })) return step.level.sigma;
  };
  assert.ok((await first(128, 64))! > (await first(32, 32))! + 0.01);
  assert.deepEqual(sizes, ["128 × 64", "32 × 32"]);
});
