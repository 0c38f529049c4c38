/** The embedded model. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { createPipeline } from "../mod.ts";
import { ddim, ufogen } from "../samplers/mod.ts";
import { embeddedModules } from "../tools/embed.ts";

const prompt = "a red house under a yellow moon";

Deno.test("the modules that carry the embedded model are made from its files", async () => {
  for (const [name, text] of embeddedModules()) {
    const carried = await Deno.readTextFile(new URL(`../assets/mini/${name}`, import.meta.url));
    assert.ok(carried === text, `assets/mini/${name} is stale: run deno task embed`);
  }
});

Deno.test("the embedded model is small enough for a registry", async () => {
  let size = 0;
  for (const component of ["text_encoder", "unet", "unet_progressive_distillation", "unet_ufogen", "vae"]) {
    size += await Deno.stat(new URL(`../assets/mini/${component}.ts`, import.meta.url)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  assert.ok(size < 15e6, `${size} bytes of modules, at most 15 MB leave room under the limit of 20 MB`);
});

Deno.test("the same seed is the same picture on wasm and native", async () => {
  const pictures = async (backend: ReturnType<typeof wasm>) => {
    await using pipeline = await createPipeline({ backend });
    const run = async (steps: number) => {
      const { images: [image] } = await pipeline.generate({
        prompt,
        sampler: ddim({ steps }),
        guidance: 3,
        seed: 7,
      });
      return image!.data;
    };
    return [await run(1), await run(50)] as const;
  };
  const [onWasm, onNative] = [await pictures(wasm()), await pictures(native())];
  const differences = (i: 0 | 1) => Array.from(onWasm[i], (value, j) => Math.abs(value - onNative[i][j]!));
  const most = differences(0).reduce((a, b) => Math.max(a, b));
  const mean = differences(1).reduce((a, b) => a + b) / onWasm[1].length;
  assert.ok(most <= 2, `one step: ${most}/255 apart`); // float32 on both, other orders of summation
  assert.ok(mean <= 1, `50 steps: ${mean}/255 apart in the mean`);
});

Deno.test("a sampler without weights is refused, with the kinds that there are", async () => {
  await using pipeline = await createPipeline();
  if (pipeline.model.unets.has("ufogen")) return;
  await assert.rejects(
    pipeline.generate({ prompt, sampler: ufogen() }),
    /trained for "ufogen", the model has base/,
  );
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
