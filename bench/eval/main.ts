/**
 * `deno task eval [--prompts N] [--seeds N] [--backend NAME] [--json]`: generates from held-out prompts in every
 * regime that the embedded model has weights for, and scores the six tags.
 */
import { backendByName } from "../../cli/choices.ts";
import { parseArguments } from "../../cli/usage.ts";
import { BASE } from "../../core/model.ts";
import type { Sampler } from "../../core/sampler.ts";
import { createPipeline } from "../../mod.ts";
import { ddim, progressiveDistillation, ufogen } from "../../samplers/mod.ts";
import { loadDetector } from "./detector.ts";
import { proportion, type Request, sharpness, shows } from "./score.ts";

/** The tags of GenEval, in its order. */
const tags = ["single_object", "two_object", "counting", "colors", "position", "color_attr"];
const regimes: readonly Sampler[] = [
  ddim({ steps: 50 }),
  progressiveDistillation({ steps: 8 }),
  ufogen({ steps: 1 }),
];

const given = parseArguments(Deno.args, {
  prompts: { type: "string" },
  seeds: { type: "string" },
  backend: { type: "string" },
  json: { type: "boolean" },
});
const perTag = given.number("prompts") ?? 80;
const seeds = given.number("seeds") ?? 4;
const backend = backendByName(given.text("backend") ?? "native");

const requests = (await Deno.readTextFile(new URL("../../training/detector/prompts.jsonl", import.meta.url)))
  .trim().split("\n").map((line) => JSON.parse(line) as Request);
const groups = Map.groupBy(requests, ({ tag, unseen }) => unseen ? `${tag} unseen` : tag);

await using detector = await loadDetector(backend);
await using pipeline = await createPipeline({ backend });
const rows: Record<string, string | number>[] = [];
for (const sampler of regimes.filter(({ trainedFor }) => pipeline.model.unets.has(trainedFor ?? BASE))) {
  const row: Record<string, string | number> = { regime: `${sampler.name} ${sampler.steps}` };
  const [times, edges, seen]: number[][] = [[], [], []];
  for (const [group, members] of groups) {
    let right = 0;
    const chosen = members.slice(0, perTag);
    for (const request of chosen) {
      const { images, milliseconds } = await pipeline.generate({
        prompt: request.prompt,
        sampler,
        seed: 1,
        count: seeds,
      });
      times!.push(milliseconds.total / seeds);
      for (const image of images) {
        edges!.push(sharpness(image));
        if (shows(await detector.detect(image), request)) right++;
      }
    }
    const { share, low, high } = proportion(right, chosen.length * seeds);
    row[group] = `${share.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
    if (tags.includes(group)) seen!.push(share);
  }
  row["mean of tags"] = mean(seen!).toFixed(3);
  row["sharpness"] = mean(edges!).toFixed(4);
  row["ms an image"] = Math.round(mean(times!));
  rows.push(row);
}
if (given.flag("json")) console.log(JSON.stringify(rows));
else console.table(rows);

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
