// A picture file, then the same scene with another prompt: deno run -A examples/image_to_image.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { readFile, writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const before = await pipeline.generate({ prompt: "a red car in the snow", seed: 2, steps: 20 });
await writeFile("image_to_image_before.jpg", await before.images[0]!.encode("jpeg"));

const { images } = await pipeline.generate({
  prompt: "a blue car in the snow",
  image: await readFile("image_to_image_before.jpg"), // any PNG, JPEG or WebP file; it is cut to size
  strength: 0.7,
  seed: 2,
  steps: 20,
});
await writeFile("image_to_image_after.png", await images[0]!.encode("png"));
