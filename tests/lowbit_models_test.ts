/** Whole models from files in few bits give the pictures that the same values give in float32. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { createPipeline } from "../mod.ts";
import { ddim } from "../samplers/mod.ts";
import { dequantised } from "../weights/quantise.ts";
import { temporaryFolder } from "./weights_fixtures.ts";
import { openWeightsFile } from "../weights/weights_file.ts";
import { writeSafetensors } from "../weights/write_safetensors.ts";
import { readJson } from "./_fixtures.ts";
import { lowbitPath } from "./_lowbit.ts";

const tiny = new URL("./reference/pipelines/sd15-tiny", import.meta.url).pathname;
const tokenizer = `${tiny}/tokenizer`;
const [unet, vae, textEncoder] = await Promise.all(
  ["unet", "vae", "text_encoder"].map((name) =>
    readJson<Record<string, unknown>>(`../reference_lowbit/configs/${name}/config.json`)
  ),
);
const checkpoint = { unet: unet!, vae: vae!, textEncoder: textEncoder! };

type Options = Parameters<typeof createPipeline>[0];

async function latentsOf(options: Options): Promise<Float32Array> {
  await using pipeline = await createPipeline({ backend: native(), checkpoint, ...options });
  const request = { prompt: "a lake", seed: 7, steps: 2, sampler: ddim(), width: 64, height: 64 } as const;
  return Float32Array.from((await pipeline.generate(request)).latents.data);
}

/** The file's values in float32, as safetensors. */
async function widened(file: string, path: string): Promise<string> {
  await using weights = await openWeightsFile(lowbitPath(file));
  await writeSafetensors(path, dequantised(weights));
  return path;
}

Deno.test("a whole model in one GGUF file", async () => {
  await using folder = await temporaryFolder();
  const file = "gguf/sdcpp-sd1-tiny-q8_0.gguf";
  const plain = await widened(file, `${folder.path}/model.safetensors`);
  const actual = await latentsOf({ model: lowbitPath(file), tokenizer });
  assert.deepEqual(actual, await latentsOf({ model: plain, tokenizer }));
});

for (const file of ["gguf/comfy-sd1-tiny-Q4_K_M.gguf", "fp8/unet_scaled_old.safetensors"]) {
  Deno.test(`${file} in place of a model's own UNet`, async () => {
    await using folder = await temporaryFolder();
    const plain = await widened(file, `${folder.path}/unet.safetensors`);
    const actual = await latentsOf({ model: tiny, unet: lowbitPath(file) });
    assert.deepEqual(actual, await latentsOf({ model: tiny, unet: plain }));
    assert.notDeepEqual(actual, await latentsOf({ model: tiny }));
  });
}

Deno.test("files of other networks are refused, as one without tensors is", async () => {
  for (const name of ["architecture_llama", "no_tensors"]) {
    await assert.rejects(latentsOf({ model: lowbitPath(`errors/${name}.gguf`), tokenizer }), {
      name: "WeightsError",
      message: /it has no UNet/,
    });
    await assert.rejects(latentsOf({ model: tiny, unet: lowbitPath(`errors/${name}.gguf`) }), {
      name: "WeightsError",
      message: /Cannot take a network from the file/,
    });
  }
});
