// Watches a picture appear, and stops when it has seen enough: deno run -A examples/previews.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { encodeImage } from "@mobile-diffusion/sdk/image";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
for await (const step of pipeline.stream({ prompt: "a pink flower at night", seed: 6, steps: 40 })) {
  if (step.index % 10 !== 9) continue;
  const [rough] = step.preview(); // one pixel a latent pixel, costs nothing
  const [exact] = await step.decode(); // what the VAE makes of it
  await writeFile(`previews_${step.index + 1}_rough.png`, await encodeImage(rough!, "png"));
  await writeFile(`previews_${step.index + 1}_exact.png`, await encodeImage(exact!, "png"));
  if (step.index === 29) break;
}
