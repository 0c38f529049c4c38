/** `deno task sheet OUT.png`: eight prompts, a row each for the renderer's pictures and every regime there is. */
import { native } from "../../backends/native.ts";
import type { Image } from "../../core/image.ts";
import { contactSheet, encodeImage } from "../../image/mod.ts";
import { createPipeline } from "../../mod.ts";
import { regimesOf } from "./regimes.ts";
import { readSheet } from "./scenes.ts";

const { prompts, pictures } = await readSheet();
await using pipeline = await createPipeline({ backend: native() });
const rows: Image[] = [...pictures];
for (const sampler of regimesOf(pipeline.model)) {
  for (const prompt of prompts) rows.push((await pipeline.generate({ prompt, sampler, seed: 7 })).images[0]!);
}
const sheet = contactSheet(rows, { columns: prompts.length, gap: 4 });
await Deno.writeFile(Deno.args[0] ?? "sheet.png", await encodeImage(sheet, "png"));
