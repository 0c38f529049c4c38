/**
 * `deno task sheet [OUT.png] [--seeds N]`: eight prompts, a row each for the renderer's pictures and every regime there
 * is. `--seeds 8` draws no picture, but prints in which of the seeds 1 … 8 the judge finds what each prompt asks for
 * (things, counts, colours, places; it knows no backgrounds).
 */
import { native } from "../../backends/native.ts";
import { parseArguments } from "../../cli/program.ts";
import type { Image } from "../../core/image.ts";
import { contactSheet, encodeImage } from "../../image/mod.ts";
import { createPipeline } from "../../mod.ts";
import { loadDetector } from "./detector.ts";
import { regimesOf } from "./regimes.ts";
import { readSheet } from "./scenes.ts";
import { shows } from "./score.ts";

const given = parseArguments(Deno.args, {
  seeds: {
    value: "number",
    text: "judge the prompts with so many seeds and draw nothing",
    range: "1 or more",
  },
});
const seeds = given.number("seeds");
if (seeds !== undefined && !(Number.isInteger(seeds) && seeds > 0)) {
  console.error("Cannot judge the sheet's prompts: --seeds must be a whole number from 1.");
  Deno.exit(2);
}
const { requests, pictures } = await readSheet();
await using pipeline = await createPipeline({ backend: native() });
const regimes = regimesOf(pipeline.model);
if (seeds === undefined) await draw();
else await judge(seeds);

async function draw(): Promise<void> {
  const rows: Image[] = [...pictures];
  for (const sampler of regimes) {
    for (const { prompt } of requests) {
      rows.push((await pipeline.generate({ prompt, sampler, seed: 7 })).images[0]!);
    }
  }
  const sheet = contactSheet(rows, { columns: requests.length, gap: 4 });
  await Deno.writeFile(given.words[0] ?? "sheet.png", await encodeImage(sheet, "png"));
}

async function judge(seeds: number): Promise<void> {
  await using detector = await loadDetector(native());
  const rows: Record<string, string>[] = [];
  for (const request of requests) {
    const row: Record<string, string> = { prompt: request.prompt };
    for (const sampler of regimes) {
      let marks = "";
      for (let seed = 1; seed <= seeds; seed++) {
        const { images } = await pipeline.generate({ prompt: request.prompt, sampler, seed });
        marks += shows(await detector.detect(images[0]!), request) ? "+" : "-";
      }
      row[`${sampler.name} ${sampler.steps}`] = marks;
    }
    rows.push(row);
  }
  console.table(rows);
}
