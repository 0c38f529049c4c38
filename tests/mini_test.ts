/** The embedded model. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { loadDetector } from "../bench/eval/detector.ts";
import { regimesOf } from "../bench/eval/regimes.ts";
import { createPipeline, localFolder, type Sampler } from "../mod.ts";
import { mini } from "../presets/mini.ts";
import { ddim, progressiveDistillation, ufogen } from "../samplers/mod.ts";
import { embeddedModules } from "../tools/embed.ts";

const prompt = "a red house under a yellow moon";

const assets = new URL("../assets/mini/", import.meta.url);

Deno.test("the modules that carry the embedded model are made from its files", async () => {
  const stale = "is stale: run deno task embed";
  const made = embeddedModules();
  for (const name of ["files.ts", "weights.ts"]) {
    const there = await Deno.readTextFile(new URL(name, assets));
    assert.ok(there === made.get(name), `assets/mini/${name} ${stale}`);
  }
  const [folder, carried] = [await localFolder(assets.pathname), await mini()];
  const components = [...folder.files].filter((path) => path.endsWith(".safetensors"));
  for (const component of components.map((path) => path.split("/")[0]!)) {
    await using wanted = await folder.weights(component);
    await using weights = await carried.weights(component);
    assert.deepEqual([...weights.names()], [...wanted.names()]);
    for (const name of wanted.names()) {
      assert.deepEqual(await weights.read(name), await wanted.read(name), `${component} ${stale}`);
    }
  }
});

Deno.test("the embedded model is small enough for a registry", async () => {
  let size = 0;
  for (const name of embeddedModules().keys()) size += (await Deno.stat(new URL(name, assets))).size;
  assert.ok(size < 15e6, `${size} bytes of modules, at most 15 MB leave room under the limit of 20 MB`);
});

Deno.test("the same seed is the same picture on wasm and native, in one step and in many", async () => {
  const pictures = async (backend: Backend) => {
    await using pipeline = await createPipeline({ backend });
    const run = async (sampler: Sampler) =>
      (await pipeline.generate({ prompt, sampler, seed: 7 })).images[0]!.data;
    return [
      await run(ufogen()),
      await run(progressiveDistillation({ steps: 8 })),
      await run(ddim({ steps: 50 })),
    ];
  };
  const [onWasm, onNative] = [await pictures(wasm()), await pictures(native())];
  const [one, eight, fifty] = onWasm.map((data, i) =>
    Array.from(data, (value, j) => Math.abs(value - onNative[i]![j]!))
  );
  const most = one!.reduce((a, b) => Math.max(a, b));
  assert.ok(most <= 2, `one step: ${most}/255 apart`); // float32 on both, other orders of summation
  for (const differences of [eight!, fifty!]) {
    const mean = differences.reduce((a, b) => a + b) / differences.length;
    assert.ok(mean <= 1, `${mean}/255 apart in the mean`);
  }
});

Deno.test("the guidance scale is an input of the distilled network", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  const run = async (guidance: number) => {
    const { latents, images } = await pipeline.generate({
      prompt,
      sampler: progressiveDistillation({ steps: 8 }),
      guidance,
      seed: 7,
    });
    assert.equal(images[0]!.parameters.guidance, guidance);
    return latents.data;
  };
  const [weak, strong] = [await run(2), await run(6)];
  assert.ok(weak.some((value, i) => Math.abs(value - strong[i]!) > 0.05));
});

Deno.test("a sampler without weights is refused, with the kinds that there are", async () => {
  await using pipeline = await createPipeline();
  await assert.rejects(
    pipeline.generate({ prompt, sampler: { ...ddim(), needs: "lcm" } }),
    /trained for "lcm", the model has base, progressive-distillation, ufogen/,
  );
});

Deno.test("what the prompt says is in the picture, in every regime", async () => {
  await using pipeline = await createPipeline({ backend: native() });
  await using detector = await loadDetector(native());
  for (const sampler of regimesOf(pipeline.model)) {
    const seeds = 4;
    let right = 0;
    for (const [kind, colour] of [["heart", "pink"], ["tree", "green"], ["boat", "blue"]]) {
      const { images } = await pipeline.generate({
        prompt: `a ${colour} ${kind}`,
        sampler,
        seed: 1,
        count: seeds,
      });
      for (const image of images) {
        const found = await detector.detect(image);
        if (found.some((thing) => thing.kind === kind && thing.colour === colour)) right++;
      }
    }
    // An untrained network has none: the chance of one kind in one colour is under 1 %. The scores are about 0.9.
    assert.ok(right >= 2 * seeds, `${sampler.name}: ${right} of ${3 * seeds} pictures show their prompt`);
  }
});

Deno.test("the first picture needs no permission beyond reading and the picture's place", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      `--allow-write=${folder}`,
      new URL("../cli/main.ts", import.meta.url).pathname,
      ...["generate", prompt, "--steps", "2", "--out", `${folder}/first.png`],
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.ok((await Deno.stat(`${folder}/first.png`)).size > 1000);
  await Deno.remove(folder, { recursive: true });
});
