/**
 * Our networks against diffusers' and transformers' numbers, on WebGPU. On a machine without a GPU this is Mesa's
 * llvmpipe (Debian: `mesa-vulkan-drivers`), which is slow, and right.
 */
import process from "node:process";
import { webgpu } from "../backends/webgpu.ts";
import {
  checkAutoencoderKL,
  checkClipText,
  checkUnet,
  checkXlText,
  unets,
  xlUnets,
} from "./_model_checks.ts";

/** GPUs may reorder sums and use approximate functions. Measured through llvmpipe: up to 5e-6. */
const float32Tolerance = 2e-3;

/**
 * Half precision has 11 bits, and unlike on a CPU every intermediate result is rounded to it: some hundred roundings
 * of up to 2⁻¹² each, of both signs, on values of up to 8. Measured through llvmpipe: up to 0.046.
 */
const float16Tolerance = 0.1;

const adapter = await navigator.gpu?.requestAdapter();
const ignore = adapter == null && process.env.REQUIRE_ALL !== "1";
const reason = ignore ? " (skipped: there is no GPU, install Debian's mesa-vulkan-drivers)" : "";
const backend = webgpu();

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `webgpu: ${name}${reason}`, ignore, fn });
}

const place = { backend, tolerance: float32Tolerance };
for (const name of unets) test(name, () => checkUnet(place, name));
test("unet_inpaint9 from a float16 file", () => checkUnet(place, "unet_inpaint9", ".fp16"));
for (const name of ["clip_sd15", "clip_sd2"]) test(name, () => checkClipText(place, name));
for (const name of ["vae_sd15", "vae_sd2"]) test(name, () => checkAutoencoderKL(place, name));

const xl = { ...place, reference: "reference2" } as const;
// what they have that the others have not is in each of them; SSD-1B's has the most of it
const chosen = process.env.LONG === "1" ? xlUnets : ["unet_ssd1b"];
for (const name of chosen) test(name, () => checkUnet(xl, name));
test("clip_g", () => checkXlText(xl, "clip_g"));
test("vae_sdxl", () => checkAutoencoderKL(xl, "vae_sdxl"));

const half = { backend, dtype: "float16", tolerance: float16Tolerance } as const;
const halfIgnored = ignore || adapter?.features.has("shader-f16") === false;
Deno.test({
  name: `webgpu: networks in float16${halfIgnored ? " (skipped: this GPU has no shader-f16)" : ""}`,
  ignore: halfIgnored,
  async fn() {
    await checkUnet(half, "unet_sd15");
    await checkClipText(half, "clip_sd15");
    await checkAutoencoderKL(half, "vae_sd15");
  },
});
