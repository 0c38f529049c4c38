// A look that is switched on and off without loading anything again: deno run -A examples/lora.ts
import { createPipeline, type Image } from "@mobile-diffusion/sdk";
import { contactSheet, encodeImage } from "@mobile-diffusion/sdk/image";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline({ loraPorts: { modules: "attention", rank: 16 } });
const pictures: Image[] = [];
for (const scale of [0, 0.8, 1]) {
  await pipeline.setLoras([{ source: "candy", scale }]); // the embedded model's own; or the path of a file
  const { images } = await pipeline.generate({ prompt: "a red house on a sunny day", seed: 4, steps: 20 });
  pictures.push(images[0]!);
}
await writeFile("lora.png", await encodeImage(contactSheet(pictures), "png"));
