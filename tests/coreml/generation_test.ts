/**
 * Whole generations through the pipeline: Core ML's parts against the same arithmetic in TypeScript.
 */
import assert from "node:assert/strict";
import type { GenerateOptions } from "../../pipeline/generate_options.ts";
import type { Generation } from "../../pipeline/generation.ts";
import { Pipeline } from "../../pipeline/pipeline.ts";
import { tensor } from "../../core/tensor.ts";
import { openModelFolder } from "../../presets/open_model.ts";
import { localFolder } from "../../weights/model_folder.ts";
import { ddim } from "../../samplers/ddim.ts";
import { basic, difference, type FolderModels, withControl } from "./_apple_models.ts";
import { chunkedUnet } from "./_arithmetic.ts";
import { referenceModel, type ReferenceOptions, tokenizerFiles } from "./_reference.ts";
import { coremlTest, type ModelName, type Rig, specOf, standInTest } from "./_rig.ts";

const common = { sampler: ddim({ steps: 6 }), negativePrompt: "rain", guidance: 5, seed: 7 } as const;
const picture = tensor(Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i / 50)), [
  1,
  3,
  64,
  64,
]);
const edges = tensor(picture.data.map((value) => value > 0 ? 1 : 0), picture.shape);

/** Runs both and compares: to the last bit on the stand-in, within the rig's tolerance on Apple's framework. */
async function compare(
  rig: Rig,
  models: FolderModels,
  options: GenerateOptions,
  reference: ReferenceOptions = {},
): Promise<Generation> {
  await using folder = await rig.folder(models);
  const model = await openModelFolder(await localFolder(folder.path), {
    backend: rig.backend(),
    tokenizer: tokenizerFiles,
  });
  await using pipeline = new Pipeline(model);
  await using expected = new Pipeline(referenceModel(reference));
  const [ours, theirs] = [await pipeline.generate(options), await expected.generate(options)];
  assert.equal(ours.images.length, theirs.images.length);
  // guidance and the VAE's 1 / 0.18215 make differences larger, hence the factor; a picture has 255 levels
  assert(difference(ours.latents.data, theirs.latents.data) <= rig.tolerance * 10);
  for (const [i, image] of ours.images.entries()) {
    assert(difference(image.data, theirs.images[i]!.data) <= Math.ceil(rig.tolerance * 10 * 255));
  }
  return ours;
}

coremlTest("generation: a prompt becomes the same picture", async (rig) => {
  const { images } = await compare(rig, basic, { ...common, prompt: "a red house" });
  const levels = new Set(images[0]!.data);
  assert(levels.size > 20, "and it is no single colour");
  const other = await compare(rig, basic, { ...common, prompt: "two boats" });
  assert.notDeepEqual(other.images[0]!.data, images[0]!.data, "and says something of the prompt");
});

coremlTest("generation: several pictures, in two passes", async (rig) => {
  await compare(rig, basic, {
    ...common,
    prompt: ["a red house", "two boats"],
    count: 2,
    guidanceMode: "passes",
  });
});

coremlTest("generation: without guidance, on a UNet for one row", async (rig) => {
  await compare(rig, { ...basic, Unet: "UnetBatchOne" }, { ...common, prompt: ["a", "b", "c"], guidance: 1 });
});

coremlTest("generation: in chunks", async (rig) => {
  const models = { ...basic, UnetChunk1: "UnetChunk1", UnetChunk2: "UnetChunk2" } as const;
  await compare(rig, models, { ...common, prompt: "a red house" }, { network: chunkedUnet });
});

coremlTest("generation: from a picture", async (rig) => {
  await compare(rig, basic, { ...common, prompt: "a red house", image: picture, strength: 0.5 });
});

coremlTest("generation: with a control, its residuals on the backend", async (rig) => {
  const free = await compare(rig, withControl, { ...common, prompt: "a red house" });
  const control = [{ source: "Edges", image: edges }];
  const steered = await compare(rig, withControl, { ...common, prompt: "a red house", control });
  assert.notDeepEqual(steered.images[0]!.data, free.images[0]!.data);
});

standInTest("generation: with padded rows, and nothing left afterwards", async (rig) => {
  const names: ModelName[] = ["TextEncoder", "Unet", "ControlledUnet", "VAEDecoder", "VAEEncoder"];
  const padded = (name: ModelName) => ({ ...specOf(name), padded: true });
  const models = {
    ...Object.fromEntries(names.map((name) => [name, padded(name)])),
    "controlnet/Edges": padded("ControlNet"),
  };
  const before = rig.live().coreml;
  const control = [{ source: "Edges", image: edges }];
  await compare(rig, models, { ...common, prompt: "a red house", image: picture, control });
  assert.equal(rig.live().coreml, before);
});

standInTest("generation: an aborted run frees what it holds, and the pipeline goes on", async (rig) => {
  await using folder = await rig.folder({ ...basic, Unet: { ...specOf("Unet"), delay: 250 } });
  const before = rig.live().coreml;
  {
    const model = await openModelFolder(await localFolder(folder.path), {
      backend: rig.backend(),
      tokenizer: tokenizerFiles,
    });
    await using pipeline = new Pipeline(model);
    const start = performance.now();
    const run = pipeline.generate({ ...common, prompt: "a", signal: AbortSignal.timeout(300) });
    await assert.rejects(run, { name: "TimeoutError" });
    assert(performance.now() - start < 1200, "it does not wait for the six steps");
    const { images } = await pipeline.generate({ ...common, prompt: "a", steps: 1 });
    assert.equal(images.length, 1);
  }
  assert.equal(rig.live().coreml, before);
});
