// A picture, then the same scene with another prompt: deno run -A examples/image_to_image.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const { images: [image] } = await pipeline.generate({ prompt: "a red car in the snow", seed: 2 });
const { images } = await pipeline.generate({
  prompt: "a blue car in the snow",
  image: image!,
  strength: 0.7,
  seed: 2,
});
await writeFile("image_to_image_before.png", await image!.encode("png"));
await writeFile("image_to_image_after.png", await images[0]!.encode("png"));
