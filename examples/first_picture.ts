// The embedded model, one prompt, one picture: deno run -A examples/first_picture.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
const { images } = await pipeline.generate({ prompt: "a red house under a yellow moon", seed: 7 });
await writeFile("first_picture.png", await images[0]!.encode("png"));
