// One prompt, one seed, every sampler on one sheet: deno run -A examples/samplers.ts
import { createPipeline, type Image } from "@mobile-diffusion/sdk";
import { BASE } from "@mobile-diffusion/sdk/core";
import { contactSheet, encodeImage } from "@mobile-diffusion/sdk/image";
import { SAMPLERS } from "@mobile-diffusion/sdk/samplers";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const pictures: Image[] = [];
for (const { name, paper, steps: usual, create } of SAMPLERS) {
  const steps = Math.min(usual, 50); // DDPM's thousand take a while
  const sampler = create({ steps });
  if (!pipeline.model.unets.has(sampler.needs ?? BASE)) continue;
  const { images, milliseconds } = await pipeline.generate({
    prompt: "a red house at sunset",
    sampler,
    seed: 5,
  });
  pictures.push(images[0]!);
  console.log(
    `${pictures.length}. ${name}, ${steps} steps, ${(milliseconds.denoise / 1000).toFixed(1)} s (${paper})`,
  );
}
await writeFile("samplers.png", await encodeImage(contactSheet(pictures, { columns: 5 }), "png"));
