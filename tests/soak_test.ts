import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { ddim } from "../samplers/mod.ts";

const model = new URL("./data/mini_untrained", import.meta.url).pathname;

Deno.test("500 generations, every fifth cancelled at a random point, leak nothing and break nothing", async () => {
  await using pipeline = await createPipeline({ model, backend: native() });
  const options = { prompt: "a red house", sampler: ddim(), steps: 3, width: 32, height: 32, seed: 1 };
  const { latents: expected } = await pipeline.generate(options);
  let random = 1;
  const memory: number[] = [];
  for (let i = 0; i < 500; i++) {
    if (i % 5 === 4) {
      random = random * 48271 % 2147483647; // Park & Miller's minimal standard generator
      const signal = AbortSignal.timeout(random % 20);
      await pipeline.generate({ ...options, signal }).catch((error) =>
        assert.equal(error.name, "TimeoutError")
      );
    } else {
      const { latents } = await pipeline.generate(options);
      assert.deepEqual(latents, expected);
    }
    if (i % 50 === 49) memory.push(Deno.memoryUsage().rss / 2 ** 20);
  }
  const [early, ...later] = memory as [number, ...number[]];
  // One copy of the smallest model's session is about 20 MiB; a leak of a session or of a run's tensors would add up to far more.
  const growth = Math.max(...later) - early;
  assert.ok(
    growth < 48,
    `memory grew by ${growth.toFixed(0)} MiB after the first 50: ${memory.map((mib) => mib.toFixed(0))}`,
  );
});
