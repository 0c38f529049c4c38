/** Stable Diffusion XL's VAE: half precision, previews, and tiny ones in its place. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { CreatePipelineOptions } from "../presets/create_pipeline.ts";
import { createPipeline, openModel } from "../presets/create_pipeline.ts";
import { SDXL_LATENT_TO_RGB } from "../pipeline/preview.ts";
import { overrideWeights } from "../weights/override.ts";
import { localFolder, type ModelFolder } from "../weights/model_folder.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { readFixture } from "./_fixtures.ts";
import { assertClose, testPath } from "./_networks.ts";

const folder = await localFolder(testPath("./reference2/pipelines/sdxl-tiny"));
const taesd = testPath("./reference/models/taesd");

/** The model with a VAE whose decoder is beyond half precision in the middle. */
function loud(fields: object): ModelFolder {
  const key = "decoder.conv_in.weight";
  return {
    ...folder,
    async read(file) {
      const bytes = await folder.read(file);
      if (file !== "vae/config.json") return bytes;
      return new TextEncoder().encode(
        JSON.stringify({ ...JSON.parse(new TextDecoder().decode(bytes)), ...fields }),
      );
    },
    async weights(component, options) {
      const weights = await folder.weights(component, options);
      if (component !== "vae") return weights;
      const { shape } = weights.info(key)!;
      const read = async () => {
        const values = (await readFloat32(weights, key)).map((value) => 1e6 * value);
        return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      };
      return overrideWeights(weights, new Map([[key, { dtype: "F32", shape, read }]]));
    },
  };
}

const picture = async (model: ModelFolder, options: Partial<CreatePipelineOptions> = {}) => {
  await using pipeline = await createPipeline({ model, backend: native(), ...options });
  const { images } = await pipeline.generate({ prompt: "a lake", steps: 1, seed: 1, width: 64, height: 64 });
  return images[0]!.data;
};

Deno.test("a VAE that overflows in half precision is computed in float32, or is an error; never a black picture", async () => {
  const expected = await picture(loud({}));
  assert.ok(expected.some((value) => value > 0));
  const dtype = { vae: "float16" } as const;
  assert.deepEqual(await picture(loud({}), { dtype }), expected);
  await assert.rejects(
    picture(loud({ force_upcast: false }), { dtype }),
    /RangeError.*the VAE.*NaN or infinity/,
  );
  // one that is made for it runs in it, which is not the same in the last bits
  const quiet: ModelFolder = { ...folder, read: loud({ force_upcast: false }).read };
  const [half, single] = [await picture(quiet, { dtype }), await picture(quiet)];
  assert.ok(half.every((value, i) => Math.abs(value - single[i]!) <= 3));
});

Deno.test("previews are of this family's colours; a tiny VAE takes the VAE's place, or stands beside it", async () => {
  const { latentToRgb } = await openModel(folder, { backend: native() });
  assert.equal(latentToRgb, SDXL_LATENT_TO_RGB);
  const io = await readFixture("models/taesd/io.safetensors");
  const replaced = await openModel(folder, { backend: native(), vae: taesd });
  await using vae = replaced.vae;
  assertClose(await (await vae.get()).decode(io.float32("case0.latents")), io.float32("case0.decoded"));
  const tiny = await localFolder(taesd);
  const beside: ModelFolder = {
    ...folder,
    files: new Set([...folder.files, "taesdxl/config.json", "taesdxl/diffusion_pytorch_model.safetensors"]),
    read: (file) => file === "taesdxl/config.json" ? tiny.read("config.json") : folder.read(file),
    weights: (component, options) =>
      component === "taesdxl" ? tiny.weights(".", options) : folder.weights(component, options),
  };
  const { previewVae } = await openModel(beside, { backend: native() });
  await using preview = previewVae!;
  assertClose(await (await preview.get()).decode(io.float32("case0.latents")), io.float32("case0.decoded"));
});
