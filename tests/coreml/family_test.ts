/** Stable Diffusion in Apple's layout is the family as any other layout: the suite's checks, on the rig. */
import { stableDiffusion } from "../../families/mod.ts";
import { Pipeline } from "../../pipeline/pipeline.ts";
import { testFamily } from "../../testing/mod.ts";
import { localFolder, memoryFolder } from "../../weights/model_folder.ts";
import { basic } from "./_apple_models.ts";
import { referenceModel, tokenizerFiles } from "./_reference.ts";
import { coremlTest } from "./_rig.ts";

const run = { prompt: "a red house", negativePrompt: "two boats", steps: 3, width: 64, height: 64, seed: 7 };
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const flux = memoryFolder("a Flux", {
  "model_index.json": json({ _class_name: "FluxPipeline" }),
  "transformer/config.json": json({ _class_name: "FluxTransformer2DModel" }),
});

coremlTest("family: Stable Diffusion passes its suite in Apple's layout", async (rig) => {
  await using models = await rig.folder(basic);
  await using reference = new Pipeline(referenceModel());
  const { latents: expected } = await reference.generate(run);
  const checks = testFamily({
    family: stableDiffusion,
    folders: [await localFolder(models.path)],
    foreign: [flux],
    create: () => rig.backend(),
    options: { tokenizer: tokenizerFiles },
    run,
    expected,
    tolerance: Math.max(10 * rig.tolerance, 1e-6),
  });
  for (const { run } of checks) await run();
});
