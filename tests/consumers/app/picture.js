// The embedded model's picture, as text: the colours in base64.
import { createPipeline } from "@mobile-diffusion/sdk";
import { ufogen } from "@mobile-diffusion/sdk/samplers";
import { wasm } from "@mobile-diffusion/sdk/backends/wasm";

/** `backend` is "default", "wasm" or "in place". */
export async function picture(backend, options = {}) {
  const chosen = backend === "default"
    ? {}
    : { backend: wasm({ worker: backend !== "in place", ...options }) };
  const pipeline = await createPipeline(chosen);
  const { images } = await pipeline.generate({ prompt: "a red house", sampler: ufogen(), seed: 7 });
  await images[0].encode("png");
  await pipeline[Symbol.asyncDispose]();
  return btoa(String.fromCharCode(...[...images[0].data]));
}
