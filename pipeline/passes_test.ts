import assert from "node:assert/strict";
import { type Events, testModel } from "../tests/_plain_model.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Model } from "../core/model.ts";
import type { Pass, TextEncoder } from "../core/parts.ts";
import { Pipeline } from "./pipeline.ts";

const pass = (name: string, value: number): Pass => ({
  name,
  conditioning: { encoder_hidden_states: { data: Float32Array.of(value), shape: [1, 1, 1] } },
});

function withEncoder(model: Model, encode: TextEncoder["encode"]): Model {
  const encoder = { encode, [Symbol.asyncDispose]: () => Promise.resolve() };
  return { ...model, textEncoder: new LazyPart(() => Promise.resolve(encoder)) };
}

Deno.test("a model's own guidance is asked for its passes and combines them", async () => {
  const events: Events = [];
  const model: Model = {
    ...withEncoder(
      testModel({ events }),
      ({ passes }) => Promise.resolve({ passes: passes.map((name, i) => pass(name, i)) }),
    ),
    guidance: ({ scale }) => ({
      passes: ["unconditional", "image", "conditional"],
      combine: ({ unconditional, image, conditional }) => ({
        ...unconditional!,
        data: unconditional!.data.map((value, i) => value + image!.data[i]! + scale * conditional!.data[i]!),
      }),
    }),
  };
  await using pipeline = new Pipeline(model);
  const latents = { data: new Float32Array(16), shape: [1, 4, 2, 2] };
  const run = { prompt: "a", guidance: 3, steps: 1, latents } as const;
  const { latents: batch } = await pipeline.generate(run);
  assert.deepEqual([...batch.data], Array(16).fill(0 + 1 + 3 * 2));
  assert.ok(events.includes("predict 3 rows"));
  const { latents: passes } = await pipeline.generate({ ...run, guidanceMode: "passes" });
  assert.deepEqual(passes.data, batch.data);
});

Deno.test("prompts that change with the step are bound once each", async () => {
  const [early, late] = [[pass("conditional", 1)], [pass("conditional", 5)]];
  const events: Events = [];
  const model = withEncoder(
    testModel({ events }),
    () => Promise.resolve({ passes: early, at: (index, steps) => index < steps / 2 ? early : late }),
  );
  const unet = model.unets.get("base")!;
  let prepared = 0;
  const counting = new LazyPart(async () => {
    const part = await unet.part.get();
    return {
      ...part,
      prepare: (...given: Parameters<typeof part.prepare>) => (prepared++, part.prepare(...given)),
    };
  });
  await using pipeline = new Pipeline({ ...model, unets: new Map([["base", { ...unet, part: counting }]]) });
  const latents = { data: new Float32Array(16), shape: [1, 4, 2, 2] };
  const { latents: result } = await pipeline.generate({ prompt: "a", guidance: 1, steps: 4, latents });
  // x ← x / 2 + states: 0, 1, 1.5, then with the late prompt 5.75 and 7.875
  assert.deepEqual([...result.data], Array(16).fill(7.875));
  assert.equal(prepared, 2);
});

Deno.test("the encoder is told whether a negative prompt was given", async () => {
  const seen: (readonly string[] | undefined)[] = [];
  const model = withEncoder(testModel(), ({ negativePrompts, passes }) => {
    seen.push(negativePrompts);
    return Promise.resolve({ passes: passes.map((name) => pass(name, 0)) });
  });
  await using pipeline = new Pipeline(model);
  await pipeline.generate({ prompt: "a", steps: 1 });
  await pipeline.generate({ prompt: "a", steps: 1, negativePrompt: "" });
  assert.deepEqual(seen, [undefined, [""]]);
});

Deno.test("passes with different entries are one clear error", async () => {
  const odd: Pass = { name: "conditional", conditioning: {} };
  const model = withEncoder(
    testModel(),
    () => Promise.resolve({ passes: [pass("unconditional", 0), odd] }),
  );
  await using pipeline = new Pipeline(model);
  await assert.rejects(pipeline.generate({ prompt: "a", steps: 1 }), {
    name: "TypeError",
    message: /the pass "conditional": its conditioning has , expected encoder_hidden_states/,
  });
});
