// One prompt, one seed, every sampler on one sheet: deno run -A examples/samplers.ts
import { BASE, createPipeline, type Image } from "@mobile-diffusion/sdk";
import { encodeImage } from "@mobile-diffusion/sdk/image";
import { SAMPLERS } from "@mobile-diffusion/sdk/samplers";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const pictures: Image[] = [];
for (const { name, paper, steps: usual, create } of SAMPLERS) {
  const steps = Math.min(usual, 50); // DDPM's thousand take a while
  const sampler = create({ steps });
  if (!pipeline.model.unets.has(sampler.trainedFor ?? BASE)) continue;
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
await writeFile("samplers.png", await encodeImage(sheet(pictures, 5), "png"));

/** Pictures of one size side by side, in rows. */
function sheet(pictures: readonly Image[], columns: number): Image {
  const { width, height } = pictures[0]!;
  const [across, down] = [columns * width, Math.ceil(pictures.length / columns) * height];
  const data = new Uint8Array(3 * across * down).fill(255);
  pictures.forEach((picture, i) => {
    const corner = Math.floor(i / columns) * height * across + (i % columns) * width;
    for (let y = 0; y < height; y++) {
      data.set(picture.data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * (corner + y * across));
    }
  });
  return { width: across, height: down, data };
}
