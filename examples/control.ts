// The edges of a picture steer another: deno run -A examples/control.ts [PHOTOGRAPH] [PROMPT]
import { createPipeline } from "@mobile-diffusion/sdk";
import { cannyEdges, contactSheet, decodeImage, encodeImage, resizeImage } from "@mobile-diffusion/sdk/image";
import { readFile, writeFile } from "node:fs/promises";
import { argv } from "node:process";

const [, , photograph, prompt = "a blue house under a white moon"] = argv;
await using pipeline = await createPipeline();
const picture = photograph === undefined
  ? (await pipeline.generate({ prompt: "a red house under a yellow moon", seed: 7, steps: 20 })).images[0]!
  : resizeImage(await decodeImage(await readFile(photograph)), { width: 128, height: 128 });

const edges = cannyEdges(picture);
const control = [{ source: "edges", image: edges }]; // the embedded model's own; or the path of a ControlNet
const { images } = await pipeline.generate({ prompt, control, seed: 1, steps: 20 });
await writeFile("control.png", await encodeImage(contactSheet([picture, edges, images[0]!]), "png"));
