/** Single files (`tests/make_checkpoint_fixture.py`) make the pictures of the folders that they were made of. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { Model } from "../core/model.ts";
import { Pipeline } from "../pipeline/pipeline.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { castWeights } from "../weights/cast.ts";
import { maxAbsDifference } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";
import { encodeStates } from "./_states.ts";

const backend = native();
const checkpoint = (name: string) => localFolder(testPath(`./data/${name}.safetensors`));
const pipeline = (name: string) => localFolder(testPath(`./reference/pipelines/${name}`));

/** The tiny networks' values of what published models have in common, and shapes do not tell. */
const first = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};
const second = {
  unet: { attention_head_dim: [2, 2, 4, 4], norm_num_groups: 4, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};

async function picture(model: Model, { schedule, sampler }: Pick<Model, "schedule" | "sampler">) {
  await using run = new Pipeline({ ...model, schedule, sampler });
  const { images: [image], latents } = await run.generate({
    prompt: "a red house",
    seed: 5,
    steps: 2,
    width: 64,
    height: 64,
  });
  return { pixels: image!.data, latents: latents.data };
}

/** The folder with its weights rounded to half precision, as the first checkpoint has them. */
async function halved(folder: ModelFolder): Promise<ModelFolder> {
  return await Promise.resolve({
    ...folder,
    weights: async (component, options) => castWeights(await folder.weights(component, options), "F16"),
  });
}

for (
  const [name, source, configs, prepare] of [
    ["sd1_checkpoint", "sd15-tiny", first, halved],
    ["sd2_checkpoint", "sd2-tiny", second, (folder: ModelFolder) => Promise.resolve(folder)],
  ] as const
) {
  Deno.test(`${name} makes the picture of ${source}`, async () => {
    const folder = await pipeline(source);
    const expected = await openModelFolder(await prepare(folder), { backend });
    const tokenizer = await localFolder(`${folder.path}/tokenizer`);
    const actual = await openModelFolder(await checkpoint(name), { backend, tokenizer, checkpoint: configs });
    assert.equal(actual.name, name);
    assert.equal(
      actual.schedule({ width: 64, height: 64 }).prediction,
      expected.schedule({ width: 64, height: 64 }).prediction,
    );
    const [a, b] = [await picture(actual, expected), await picture(expected, expected)];
    assert.ok(maxAbsDifference(a.latents, b.latents) < 1e-5);
    assert.deepEqual(a.pixels, b.pixels);
  });
}

Deno.test("a 2.x checkpoint pads with the token that OpenCLIP pads with, whatever tokenizer it is given", async () => {
  const folder = await pipeline("sd2-tiny");
  const [vocab, merges] = await Promise.all(
    ["vocab.json", "merges.txt"].map((file) => folder.read(`tokenizer/${file}`)),
  );
  const bare = memoryFolder("clip", { "vocab.json": vocab!, "merges.txt": merges! });
  const expected = await openModelFolder(folder, { backend });
  const actual = await openModelFolder(await checkpoint("sd2_checkpoint"), {
    backend,
    tokenizer: bare,
    checkpoint: second,
  });
  const encode = async ({ textEncoder }: Model) => {
    await using part = textEncoder;
    return (await encodeStates(await part.get(), ["a red house"])).data;
  };
  assert.ok(maxAbsDifference(await encode(actual), await encode(expected)) < 1e-6);
});

Deno.test("what a checkpoint lacks is asked for", async () => {
  const folder = await checkpoint("sd1_checkpoint");
  await assert.rejects(
    openModelFolder(folder, { backend }),
    /TypeError.*has no tokenizer.*vocab\.json and merges\.txt/,
  );
  const bytes = await folder.read("sd1_checkpoint.safetensors");
  const tokenizer = await pipeline("sd15-tiny");
  const two = memoryFolder("two", { "a.safetensors": bytes, "b.fp16.safetensors": bytes });
  await assert.rejects(
    openModelFolder(two, { backend, tokenizer }),
    /2 files \(a\.safetensors, b\.fp16\.safetensors\), expected one/,
  );
  const { name } = await openModelFolder(two, { backend, tokenizer, variant: "fp16", checkpoint: first });
  assert.equal(name, "b.fp16");
  const beside = memoryFolder("one", {
    "a.safetensors": bytes,
    "vocab.json": await tokenizer.read("tokenizer/vocab.json"),
    "merges.txt": await tokenizer.read("tokenizer/merges.txt"),
  });
  assert.equal((await openModelFolder(beside, { backend, checkpoint: first })).name, "a");
});
