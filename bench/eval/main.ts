/**
 * `deno task eval [--prompts N] [--seeds N] [--with WORDS] [--backend NAME] [--threads N] [--regime SAMPLER]
 * [--sampler NAME,NAME,… | --sampler all] [--backgrounds] [--softmax] [--json]`:
 * generates from held-out prompts in every regime that the embedded model has weights for, or one, and scores the six
 * tags. `--sampler` scores samplers at their default steps (ddpm: 250) beside DDIM from the same seeds, `all` those that
 * need no weights of their own; "paired" is the mean of tags less DDIM's. `--threads` are those of `native`: on a busy
 * machine one costs least.
 * `--with "at night"` puts words behind every prompt; `--backgrounds` makes a row for each background so. `--softmax`
 * scores the base from before ReLU attention instead, whose weights are kept in `training/ablation`.
 */
import type { Json } from "../../core/json.ts";
import { native } from "../../backends/native.ts";
import { backendByName, BACKENDS } from "../../cli/choices.ts";
import { parseArguments } from "../../cli/program.ts";
import { BASE } from "../../core/model.ts";
import type { Sampler } from "../../core/sampler.ts";
import { createSampler, SAMPLERS } from "../../samplers/mod.ts";
import { graphCost } from "../../graph/mod.ts";
import { createPipeline, type Pipeline } from "../../mod.ts";
import { readUnetConfig, unet } from "../../models/mod.ts";
import { type ModelFolder, readJson } from "../../weights/model_folder.ts";
import { localFolder } from "../../weights/model_folder.ts";
import { mini, MINI_DEFAULTS } from "../../presets/mini.ts";
import { openModelFolder } from "../../presets/open_model.ts";
import { BACKGROUNDS } from "./backgrounds.ts";
import { calibrate } from "./calibration.ts";
import { type Detector, loadDetector } from "./detector.ts";
import { regimesOf } from "./regimes.ts";
import { readOracleScenes, readRequests, TAGS } from "./scenes.ts";
import { paired, proportion, type Request, sharpness, shows, spread } from "./score.ts";

const given = parseArguments(Deno.args, {
  prompts: { value: "number", text: "held-out prompts a tag", range: "1 or more", default: "80" },
  seeds: { value: "number", text: "pictures a prompt", range: "1 or more", default: "4" },
  backend: { value: "name", text: "what runs it", choices: BACKENDS, default: "native" },
  threads: { value: "number", text: "threads of the native backend", range: "1 or more" },
  regime: { value: "sampler", text: "score one regime only", default: "all that there are weights for" },
  sampler: { value: "sampler", text: "score this one beside DDIM" },
  with: { value: "words", text: 'put words behind every prompt, as "at night"' },
  backgrounds: { text: "make a row for each background" },
  softmax: { text: "score the base from before ReLU attention" },
  json: { text: "say the rows as JSON" },
});
const perTag = given.number("prompts") ?? 80;
const seeds = given.number("seeds") ?? 4;
if (![perTag, seeds].every((count) => Number.isInteger(count) && count > 0)) {
  refuse("Cannot score: --prompts and --seeds must be whole numbers from 1.");
}
const words = given.text("with");
const backgrounds = given.flag("backgrounds");
if (words !== undefined && backgrounds) {
  refuse("Cannot score --with words and --backgrounds at once: expected one of the two.");
}
const threads = given.number("threads");
const backend = threads === undefined
  ? backendByName(given.text("backend") ?? "native")
  : native({ threads });
const folder = given.flag("softmax") ? await softmaxFolder() : await mini();

const named = given.text("sampler");
const groups = Map.groupBy(
  (await readRequests()).filter(({ unseen }) => named === undefined || !unseen),
  ({ tag, unseen }) => unseen ? `${tag} unseen` : tag,
);
const scenes = await readOracleScenes();
const oracleSharpness = mean(scenes.map(({ picture }) => sharpness(picture)));
await using detector = await loadDetector(backend);
const model = { ...await openModelFolder(folder, { backend }), ...MINI_DEFAULTS };
await using pipeline = await createPipeline({ model });
const rows: Record<string, string | number>[] = [];
const wanted = given.text("regime");
const regimes = named === undefined
  ? regimesOf(model).filter(({ name }) => wanted === undefined || name === wanted)
  : [regimesOf(model)[0]!, ...samplersCalled(named)];
if (regimes.length === 0) {
  const known = regimesOf(model).map(({ name }) => name).join(", ");
  refuse(`Cannot score the regime "${wanted}": expected one of ${known}.`);
}
const baselines = new Map<string | undefined, readonly boolean[]>();
for (const sampler of regimes) {
  for (const [background, behind] of backgrounds ? Object.entries(BACKGROUNDS) : [[undefined, words]]) {
    const { row, shown } = await scoreRegime(pipeline, detector, sampler, behind);
    const baseline = baselines.get(behind);
    if (baseline === undefined) baselines.set(behind, shown);
    else if (named !== undefined) {
      const { difference, low, high } = paired(shown, baseline);
      row["paired"] = `${difference.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
    }
    rows.push({ ...background !== undefined && { background }, ...row });
    if (named !== undefined) console.error(row["regime"], row["mean of tags"], row["paired"] ?? "");
  }
}
const calibration = await calibrate(detector, scenes);
if (given.flag("json")) console.log(JSON.stringify({ regimes: rows, calibration }));
else {
  console.table(rows);
  console.log("The judge itself, on 48 pictures of the renderer:");
  console.table(calibration);
}

/** Samplers by their names, or all that the base network is enough for. */
function samplersCalled(names: string): Sampler[] {
  const ordinary = SAMPLERS.filter(({ name, weights }) => weights === "any" && name !== "ddim");
  return (names === "all" ? ordinary.map(({ name }) => name) : names.split(","))
    .map((name) => createSampler(name, name === "ddpm" ? { steps: 250 } : {}));
}

function refuse(message: string): never {
  console.error(message);
  Deno.exit(2);
}

async function scoreRegime(
  pipeline: Pipeline,
  detector: Detector,
  sampler: Sampler,
  words: string | undefined,
): Promise<{ row: Record<string, string | number>; shown: boolean[] }> {
  const row: Record<string, string | number> = { regime: `${sampler.name} ${sampler.steps}` };
  const [times, edges, seen, spreads]: number[][] = [[], [], [], []];
  const shown: boolean[] = [];
  for (const [group, members] of groups) {
    const marks = await scoreGroup(members.slice(0, perTag));
    shown.push(...marks);
    const { share, low, high } = proportion(marks.filter((right) => right).length, marks.length);
    row[group] = `${share.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
    if (TAGS.includes(group)) seen!.push(share);
  }
  const kind = sampler.needs ?? BASE;
  const { traits } = pipeline.model.unets.get(kind)!;
  const guided = !traits.embeddedGuidance && (sampler.guidance ?? model.guidanceScale) > 1;
  row["mean of tags"] = mean(seen!).toFixed(3);
  row["sharpness, of the oracle's"] = (mean(edges!) / oracleSharpness).toFixed(2);
  if (seeds > 1) row["apart, of 255"] = Math.round(mean(spreads!));
  row["evaluations"] = sampler.steps * (guided ? 2 : 1);
  row["ms an image"] = Math.round(mean(times!));
  return { row: { ...row, ...await costOf(kind) }, shown };

  async function scoreGroup(requests: readonly Request[]): Promise<boolean[]> {
    const marks: boolean[] = [];
    for (const [i, request] of requests.entries()) {
      const prompt = words === undefined ? request.prompt : `${request.prompt} ${words}`;
      const options = { prompt, sampler, seed: 1 + i * seeds, count: seeds }; // no noise twice
      const { images, milliseconds } = await pipeline.generate(options);
      times!.push(milliseconds.total / seeds);
      if (seeds > 1) spreads!.push(spread(images));
      for (const image of images) {
        edges!.push(sharpness(image));
        marks.push(shows(await detector.detect(image), request));
      }
    }
    return marks;
  }
}

/** Parameters and multiply-adds of one evaluation. */
async function costOf(kind: string): Promise<{ parameters: string; "multiply-adds": string }> {
  const component = kind === BASE ? "unet" : `unet_${kind.replaceAll("-", "_")}`;
  const config: Json = await readJson(folder, `${component}/config.json`);
  const cost = graphCost(unet(readUnetConfig(config)), { rows: 1, height: 16, width: 16, tokens: 32 }).get(
    "",
  )!;
  const million = (count: number) => `${(count / 1e6).toFixed(2)} M`;
  return {
    "parameters": million(cost.parameters),
    "multiply-adds": million(cost.multiplyAdds + cost.attentionMultiplyAdds),
  };
}

/** The embedded model with the base from before ReLU attention, and no other UNets. */
async function softmaxFolder(): Promise<ModelFolder> {
  const [own, kept] = [
    await mini(),
    await localFolder(new URL("../../training/ablation", import.meta.url).pathname),
  ];
  const from = (path: string) => path.startsWith("unet/") ? kept : own;
  return {
    ...own,
    files: new Set([...[...own.files].filter((path) => !/^unet(_|\/)/.test(path)), ...kept.files]),
    source: (path) => from(path).source(path),
    read: (path) => from(path).read(path),
    weights: (component, options) => from(`${component}/`).weights(component, options),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
