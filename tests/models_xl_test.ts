/** Stable Diffusion XL's networks and its children's against diffusers' and transformers' numbers, on the CPU. */
import assert from "node:assert/strict";
import { addedFeatures } from "../models/added_features.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { checkAutoencoderKL, checkUnet, checkXlText, type Place, xlUnets } from "./_model_checks.ts";
import { assertClose, cpuBackends, float32Tolerance } from "./_networks.ts";

for (const backend of cpuBackends) {
  const place: Place = { backend, tolerance: float32Tolerance, reference: "reference2" };
  for (const name of xlUnets) Deno.test(`${backend.name}: ${name}`, () => checkUnet(place, name));
  for (const name of ["clip_l", "clip_g"]) {
    Deno.test(`${backend.name}: ${name}`, () => checkXlText(place, name));
  }
  Deno.test(`${backend.name}: vae_sdxl`, () => checkAutoencoderKL(place, "vae_sdxl"));
}

const architecture = readUnetConfig(await readJson("../reference2/pipelines/sdxl-tiny/unet/config.json"));

Deno.test("addedFeatures are the text vector, then each id's sinusoids", async () => {
  const io = await readFixture("../reference2/models/unet_sdxl/io.safetensors");
  const pooled = io.float32("case0.text_embeds");
  const ids = [io.numbers("case0.time_ids")];
  const { data, shape } = addedFeatures(architecture, { pooled, ids });
  assert.deepEqual(shape, [1, 60]);
  assert.deepEqual(data.slice(0, 12), pooled.data);
  const sinusoids = io.float32("inter.add_time_proj");
  assertClose({ data: data.slice(12), shape: sinusoids.shape }, sinusoids, 1e-6);
});

Deno.test("addedFeatures refuses what does not make the UNet's width, as the refiner's five ids", () => {
  const pooled = { data: new Float32Array(12), shape: [1, 12] };
  const make = (ids: number[][], unet = architecture) => addedFeatures(unet, { pooled, ids });
  assert.throws(
    () => make([[64, 64, 0, 0, 6]]),
    /RangeError.*a text vector of 12 and 5 ids of 8 make 52 numbers, expected 60/,
  );
  assert.throws(() => make([]), /RangeError.*ids for 0 rows, expected 1/);
  const { added: _, ...without } = architecture;
  assert.throws(() => make([[64, 64, 0, 0, 64, 64]], without), /TypeError.*no added embedding/);
});
