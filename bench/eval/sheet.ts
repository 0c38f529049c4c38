/** `deno task sheet OUT.png`: eight prompts in every regime that the embedded model has weights for, one row each. */
import { BASE } from "../../core/model.ts";
import type { Image } from "../../core/image.ts";
import { native } from "../../backends/native.ts";
import { encodeImage } from "../../image/mod.ts";
import { createPipeline } from "../../mod.ts";
import { ddim, progressiveDistillation, ufogen } from "../../samplers/mod.ts";

const prompts = [
  "a red house under a yellow moon",
  "a blue boat on the sea",
  "three orange balloons by day",
  "a green tree in the snow",
  "a pink heart",
  "a yellow star above a purple mountain at night",
  "a white cloud at sunset",
  "a red umbrella to the left of a blue fish",
];
const regimes = [ddim({ steps: 50 }), progressiveDistillation({ steps: 8 }), ufogen({ steps: 1 })];

await using pipeline = await createPipeline({ backend: native() });
const rows: Image[][] = [];
for (const sampler of regimes.filter(({ trainedFor }) => pipeline.model.unets.has(trainedFor ?? BASE))) {
  const row: Image[] = [];
  for (const prompt of prompts) row.push((await pipeline.generate({ prompt, sampler, seed: 7 })).images[0]!);
  // Two lines of four each, so that a page shows them at their size.
  rows.push(row.slice(0, 4), row.slice(4));
}
await Deno.writeFile(Deno.args[0] ?? "sheet.png", await encodeImage(grid(rows), "png"));

function grid(rows: readonly (readonly Image[])[]): Image {
  const [side, gap] = [rows[0]![0]!.width, 4];
  const [width, height] = [rows[0]!.length * (side + gap) - gap, rows.length * (side + gap) - gap];
  const data = new Uint8Array(3 * width * height).fill(255);
  for (const [i, row] of rows.entries()) {
    for (const [j, image] of row.entries()) {
      for (let y = 0; y < side; y++) {
        const line = image.data.subarray(3 * y * side, 3 * (y + 1) * side);
        data.set(line, 3 * ((i * (side + gap) + y) * width + j * (side + gap)));
      }
    }
  }
  return { width, height, data };
}
