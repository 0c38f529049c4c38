/** Our networks against diffusers' and transformers' numbers, on the CPU. */
import { checkAutoencoderKL, checkClipText, checkUnet, type Place, unets } from "./_model_checks.ts";
import { cpuBackends, float32Tolerance } from "./_networks.ts";

/**
 * Half precision has 11 bits, so a rounding is up to 2⁻¹² of a value; the outputs are the sum of some hundred
 * roundings along the way, of both signs, and reach 8. Measured: up to 0.01.
 */
const float16Tolerance = 0.03;

/** Eight bits round weights by up to 1/254 of the largest of a row. Measured: up to 0.024. */
const int8Tolerance = 0.06;

for (const backend of cpuBackends) {
  const place: Place = { backend, tolerance: float32Tolerance };
  for (const name of unets) Deno.test(`${backend.name}: ${name}`, () => checkUnet(place, name));
  Deno.test(`${backend.name}: unet_inpaint9 from a float16 file`, () =>
    checkUnet(place, "unet_inpaint9", ".fp16"));
  for (const name of ["clip_sd15", "clip_sd2"]) {
    Deno.test(`${backend.name}: ${name}`, () => checkClipText(place, name));
  }
  for (const name of ["vae_sd15", "vae_sd2"]) {
    Deno.test(`${backend.name}: ${name}`, () => checkAutoencoderKL(place, name));
  }
  for (const [dtype, tolerance] of [["float16", float16Tolerance], ["int8", int8Tolerance]] as const) {
    Deno.test(`${backend.name}: networks in ${dtype}`, async () => {
      await checkUnet({ backend, dtype, tolerance }, "unet_sd15");
      await checkClipText({ backend, dtype, tolerance }, "clip_sd15");
      await checkAutoencoderKL({ backend, dtype, tolerance }, "vae_sd15");
    });
  }
}
