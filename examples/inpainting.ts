// Repaints the left half of a picture: deno run -A examples/inpainting.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const { images: [image] } = await pipeline.generate({ prompt: "a yellow sun by day", seed: 4, steps: 20 });
const { width, height } = image!;
const left = Uint8Array.from(
  { length: 3 * width * height },
  (_, i) => Math.floor(i / 3) % width < width / 2 ? 255 : 0,
);
const { images } = await pipeline.generate({
  prompt: "a green tree by day",
  image: image!,
  mask: { width, height, data: left },
  seed: 4,
  steps: 20,
});
await writeFile("inpainting.png", await images[0]!.encode("png"));
