/**
 * `deno task eval-adapters [--sheets FOLDER] [--json]`: what the embedded model's LoRA and edge control do in every
 * regime, both trained on the base alone. The judge's first eight prompts of each tag, one seed.
 */
import { native } from "../../backends/native.ts";
import { parseArguments } from "../../cli/program.ts";
import type { Image } from "../../core/image.ts";
import type { Sampler } from "../../core/sampler.ts";
import { cannyEdges, contactSheet, encodeImage } from "../../image/mod.ts";
import { createPipeline } from "../../mod.ts";
import { loadDetector } from "./detector.ts";
import { candyShare, edgeF1 } from "./marks.ts";
import { regimesOf } from "./regimes.ts";
import { readOracleScenes } from "./scenes.ts";
import { shows } from "./score.ts";

const given = parseArguments(Deno.args, {
  sheets: { value: "folder", text: "draw contact sheets there" },
  json: { text: "say the rows as JSON" },
});
const scenes = await readOracleScenes();
const edges = scenes.map(({ picture }) => cannyEdges(picture));
await using detector = await loadDetector(native());
/** Without ports, as most people load it, and with. */
await using plain = await createPipeline({ backend: native() });
await using ported = await createPipeline({
  backend: native(),
  loraPorts: { modules: "attention", rank: 16 },
});

const rows: Record<string, string | number>[] = [];
const looks: Image[] = [];
const steered: Image[] = [...scenes.map(({ picture }) => picture), ...edges].filter(onSheet);
for (const sampler of regimesOf(plain.model)) {
  await ported.setLoras([]);
  const without = await pictures(sampler, ported);
  await ported.setLoras([{ source: "candy", scale: 0 }]);
  const silent = await pictures(sampler, ported);
  await ported.setLoras([{ source: "candy" }]);
  const styled = await pictures(sampler, ported);
  const controlled = await pictures(sampler, plain, true);
  rows.push({
    "regime": `${sampler.name} ${sampler.steps}`,
    "score": await score(without),
    "score, LoRA": await score(styled),
    "score, edges": await score(controlled),
    "candy": mean(without.map(candyShare)),
    "candy, LoRA": mean(styled.map(candyShare)),
    "scale 0 differs in": without.filter((image, i) => !same(image, silent[i]!)).length,
    "edge F1": mean(without.map((image, i) => edgeF1(image, edges[i]!))),
    "edge F1, edges": mean(controlled.map((image, i) => edgeF1(image, edges[i]!))),
  });
  looks.push(...without.filter(onSheet), ...styled.filter(onSheet));
  steered.push(...controlled.filter(onSheet));
}
if (given.flag("json")) console.log(JSON.stringify(rows));
else console.table(rows);
const folder = given.text("sheets");
if (folder !== undefined) {
  const save = async (name: string, images: readonly Image[]) =>
    await Deno.writeFile(
      `${folder}/${name}.png`,
      await encodeImage(contactSheet(images, { columns: 8, gap: 4 }), "png"),
    );
  await save("lora", looks);
  await save("control", steered);
}

/** One of every six: eight in all, of all tags. */
function onSheet(_: unknown, i: number): boolean {
  return i % scenes.length % 6 === 3;
}

async function pictures(sampler: Sampler, pipeline: typeof plain, withEdges = false): Promise<Image[]> {
  const made: Image[] = [];
  for (const [i, { request }] of scenes.entries()) {
    const { images } = await pipeline.generate({
      prompt: request.prompt,
      sampler,
      seed: i,
      ...withEdges && { control: [{ source: "edges", image: edges[i]! }] },
    });
    made.push(images[0]!);
  }
  return made;
}

async function score(images: readonly Image[]): Promise<number> {
  const found = [];
  for (const image of images) found.push(await detector.detect(image));
  return mean(found.map((things, i) => shows(things, scenes[i]!.request) ? 1 : 0));
}

function same(a: Image, b: Image): boolean {
  return a.data.every((level, i) => level === b.data[i]);
}

function mean(values: readonly number[]): number {
  return Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3));
}
