/** The embedded model's own adapters: trained on the base, used in every regime. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { candyShare, edgeF1 } from "../bench/eval/marks.ts";
import { regimesOf } from "../bench/eval/regimes.ts";
import { readOracleScenes } from "../bench/eval/scenes.ts";
import { cannyEdges } from "../image/mod.ts";
import { createPipeline } from "../mod.ts";
import { ufogen } from "../samplers/mod.ts";

const { request: { prompt }, picture } = (await readOracleScenes())[24]!;

Deno.test("the LoRA puts the pictures of every regime over pink hills, and scale 0 is no LoRA at all", async () => {
  await using pipeline = await createPipeline({
    backend: native(),
    loraPorts: { modules: "attention", rank: 16 },
  });
  for (const sampler of regimesOf(pipeline.model)) {
    const run = async (loras: { source: string; scale: number }[]) => {
      await pipeline.setLoras(loras);
      return (await pipeline.generate({ prompt, sampler, seed: 3 })).images[0]!;
    };
    const without = await run([]);
    assert.deepEqual((await run([{ source: "candy", scale: 0 }])).data, without.data);
    const [before, after] = [
      candyShare(without),
      candyShare(await run([{ source: "candy", scale: 1 }])),
    ];
    assert.ok(
      before < 0.05 && after > 0.5,
      `${sampler.name}: ${before} of the ground without, ${after} with`,
    );
  }
});

Deno.test("a merged LoRA is the hot one", async () => {
  const run = async (options: Parameters<typeof createPipeline>[0]) => {
    await using pipeline = await createPipeline({ backend: native(), ...options });
    await pipeline.setLoras([{ source: "candy", scale: 0.7 }]);
    return (await pipeline.generate({ prompt, steps: 4, seed: 3 })).latents.data;
  };
  const [merged, hot] = [await run({}), await run({ loraPorts: { modules: "attention", rank: 16 } })];
  const most = merged.reduce((most, value, i) => Math.max(most, Math.abs(value - hot[i]!)), 0);
  assert.ok(most < 0.02, `${most} apart`); // 0.0085 seen: merged weights are rounded to half precision
});

Deno.test("edges steer the pictures of every regime", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  const edges = cannyEdges(picture);
  for (const sampler of regimesOf(pipeline.model)) {
    const run = async (scale?: number) => {
      const control = scale === undefined ? [] : [{ source: "edges", image: edges, scale }];
      return (await pipeline.generate({ prompt, sampler, seed: 3, control })).images[0]!;
    };
    const [without, silent, steered] = [await run(), await run(0), await run(1)];
    assert.deepEqual(silent.data, without.data);
    const [before, after] = [edgeF1(without, edges), edgeF1(steered, edges)];
    assert.ok(after > before + 0.2, `${sampler.name}: edge F1 ${before} without, ${after} with`);
  }
});

Deno.test("both adapters at once, on wasm, in one step", async () => {
  await using pipeline = await createPipeline({ backend: wasm() });
  await pipeline.setLoras([{ source: "candy" }]);
  const { images } = await pipeline.generate({
    prompt,
    sampler: ufogen(),
    seed: 3,
    control: [{ source: "edges", image: cannyEdges(picture) }],
  });
  assert.ok(candyShare(images[0]!) > 0.5);
});

Deno.test("a LoRA that is not there is an error that names those that are, and the pipeline goes on", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  await assert.rejects(pipeline.setLoras([{ source: "cand" }]), {
    name: "WeightsError",
    message: /"cand".*carries: candy\./,
  });
  assert.equal((await pipeline.generate({ prompt, steps: 1, seed: 3 })).images.length, 1);
});
