/** A signal that fires during a step stops every backend before the next one. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { ddim } from "../samplers/mod.ts";

const model = new URL("./reference/pipelines/sd15-tiny", import.meta.url).pathname;
const backends: readonly (readonly [string, () => Backend])[] = [
  ["native", () => native()],
  ["wasm in a worker", () => wasm()],
  ["wasm in place", () => wasm({ worker: false })],
];

for (const [name, create] of backends) {
  Deno.test(`AbortSignal.timeout stops ${name} before the next step`, async () => {
    await using pipeline = await createPipeline({ model, backend: create() });
    const options = { prompt: "a lake", width: 64, height: 64, seed: 1, sampler: ddim() };
    const { latents } = await pipeline.generate({ ...options, steps: 2 });
    let [steps, stepsWhenFired] = [0, Infinity];
    const signal = AbortSignal.timeout(300);
    signal.addEventListener("abort", () => stepsWhenFired = steps);
    await assert.rejects(pipeline.generate({ ...options, steps: 500, signal, onStep: () => steps++ }), {
      name: "TimeoutError",
    });
    assert.ok(steps - stepsWhenFired <= 0, `${steps - stepsWhenFired} steps after the signal`);
    assert.deepEqual((await pipeline.generate({ ...options, steps: 2 })).latents, latents);
  });
}
