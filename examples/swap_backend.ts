// The same seed on two backends is the same picture: deno run -A examples/swap_backend.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { native } from "@mobile-diffusion/sdk/backends/native";
import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
import { writeFile } from "node:fs/promises";

for (const backend of [wasm(), native()]) {
  await using pipeline = await createPipeline({ backend });
  const { images, milliseconds } = await pipeline.generate({ prompt: "a blue boat on the sea", seed: 3 });
  await writeFile(`swap_backend_${backend.name}.png`, await images[0]!.encode("png"));
  console.log(`${backend.name}: ${milliseconds.denoise} ms for the steps`);
}
