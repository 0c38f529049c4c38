/**
 * `generate PROMPT`: makes pictures; `generate --from PICTURE` makes one again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import process from "node:process";
import type { GenerateOptions } from "../core/generate_options.ts";
import type { Generation } from "../core/generation.ts";
import type { RandomSource } from "../core/noise.ts";
import type { PromptSyntax } from "../core/parts.ts";
import type { Sampler } from "../core/sampler.ts";
import type { PredictionType } from "../core/schedule.ts";
import { createPipeline, type CreatePipelineOptions } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { generateOptions } from "./_generate_options.ts";
import { readHub } from "./_hub_options.ts";
import { promptLoras, readControls, readLoras } from "./adapters.ts";
import { backendByName, dtypeByName } from "./choices.ts";
import type { PictureRequest } from "../presets/records/request.ts";
import { changesSince, NOTES, requestOf, warningsOf, wordsOf } from "./from_picture.ts";
import { printable } from "./printable.ts";
import { Progress } from "./progress.ts";
import { checkWritable, formatOf, writePictures } from "./write_pictures.ts";
import { reasonOf } from "./_reason.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "./usage.ts";

/** The command. */
export const generateCommand: CommandEntry = {
  name: "generate",
  text: "make pictures from a prompt",
  words: { prompt: "what to show, in quotes" },
  options: generateOptions,
  examples: [
    '"a red house under a yellow moon" --out house.png',
    '"a lake" --model ./stable-diffusion-v1-5 --sampler "DPM++ 2M Karras" --steps 20 --seed 7',
    '"a blue house" --image photo.jpg --strength 0.6',
    "--from house.png --out again.png",
  ],
  run: generate,
};

/** Runs the command. */
async function generate(typed: ParsedArguments): Promise<void> {
  const { given, request } = await withRequest(typed);
  const { isGiven } = given;
  const [prompt = given.text("prompt"), ...rest] = given.words;
  if (prompt === undefined || rest.length > 0) {
    throw new UsageError(`Expected one prompt in quotes, got ${given.words.length} arguments.`);
  }
  const out = given.text("out") ?? "out.png";
  formatOf(out);
  await checkWritable(out);
  const options = await readOptions(given);
  const dtype = given.text("dtype");
  const { hub, ...opened } = (request?.options.opened ?? {}) as CreatePipelineOptions;
  await using pipeline = await createPipeline({
    ...opened,
    hub: { ...hub, ...readHub(given) },
    model: given.text("model") ?? "mini",
    backend: backendByName(given.text("backend") ?? "auto"),
    ...dtype !== undefined && { dtype: dtypeByName(dtype) },
    ...optional("variant", given.text("variant")),
    ...optional("vae", given.text("vae")),
    ...optional("unet", given.text("unet")),
    ...optional("textEncoder", given.text("text-encoder")),
    ...optional("tokenizer", given.text("tokenizer")),
    ...optional("predictionType", given.text("prediction-type") as PredictionType | undefined),
    ...optional("tile", given.number("tile")),
  });
  const folder = given.text("lora-folder");
  const own = folder === undefined || given.text("prompt-syntax") !== "weighted"
    ? { prompt, loras: [] }
    : await promptLoras(prompt, folder);
  const loras = [...isGiven("lora") ? readLoras(given) : request?.options.loras ?? [], ...own.loras];
  if (loras.length > 0) unmatchedWarnings(await pipeline.setLoras(loras, warn)).forEach(warn);
  const controls = await readControls(given, pipeline.model.size);
  const control = isGiven("control")
    ? controls
    : controls.map((control, i) => ({ ...request?.options.control?.[i], ...control }));
  const generation = await withProgress((onStep, signal) =>
    pipeline.generate({
      prompt: own.prompt,
      ...optional("guidanceMode", request?.options.guidanceMode),
      ...options,
      control,
      record: notesOf(given),
      signal,
      onStep,
      onWarning: warn,
    })
  );
  if (request !== undefined) {
    changesSince(given.text("from")!, request, generation.images[0]!.parameters, isGiven).forEach(warn);
  }
  if (chosenSeed(given) === undefined) warn(`seed ${generation.images[0]!.parameters.seed}`);
  const paths = await writePictures(generation.images, out);
  process.stdout.write(
    given.flag("json")
      ? `${printable(JSON.stringify(report(generation, paths)))}\n`
      : `${paths.map(printable).join("\n")}\n`,
  );
}

/** What was given, and what `--from` says about the rest. */
async function withRequest(
  given: ParsedArguments,
): Promise<{ readonly given: ParsedArguments; readonly request?: PictureRequest }> {
  const from = given.text("from");
  if (from === undefined) return { given };
  const request = await requestOf(from);
  const words = wordsOf(request, given.isGiven);
  warningsOf(from, request, (name) => given.isGiven(name) || words[name] !== undefined).forEach(warn);
  return { given: given.filledIn(words), request };
}

/** What fits no layer, unless `--lora-strict` made it an error. */
function unmatchedWarnings(keys: readonly string[]): string[] {
  if (keys.length === 0) return [];
  const some = keys.slice(0, 3).map((key) => JSON.stringify(key)).join(", ");
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  return [
    `The LoRAs' ${some}${more} belong to no layer of the model and are left out (--lora-strict refuses them).`,
  ];
}

/** Where the pictures came from that a picture is made from, for its file. */
function notesOf(given: ParsedArguments): Record<string, string> {
  const controls = given.texts("control-image");
  return {
    ...optional(NOTES.image, given.text("image")),
    ...optional(NOTES.mask, given.text("mask")),
    ...controls.length > 0 && { [NOTES.controls]: JSON.stringify(controls) },
    ...given.flag("control-edges") && { [NOTES.edges]: "yes" },
  };
}

function warn(message: string): void {
  process.stderr.write(`${printable(message)}\n`);
}

/** Shows progress, and turns Ctrl-C into a signal. */
async function withProgress(
  run: (onStep: NonNullable<GenerateOptions["onStep"]>, signal: AbortSignal) => Promise<Generation>,
): Promise<Generation> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort(new DOMException("Interrupted.", "AbortError"));
  process.once("SIGINT", onInterrupt);
  using progress = new Progress();
  try {
    return await run((step) => progress.step(step), interrupt.signal);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

async function readOptions(given: ParsedArguments): Promise<Omit<GenerateOptions, "prompt">> {
  const sizes = given.text("sizes");
  return {
    ...optional("sampler", readSampler(given)),
    ...optional("negativePrompt", given.text("negative-prompt")),
    ...optional("prompt2", given.text("prompt2")),
    ...optional("negativePrompt2", given.text("negative-prompt2")),
    ...sizes !== undefined && { sizes: parseObject("sizes", sizes) },
    ...optional("steps", given.number("steps")),
    ...optional("guidance", given.number("guidance")),
    ...optional("guidanceRescale", given.number("guidance-rescale")),
    ...optional("width", given.number("width")),
    ...optional("height", given.number("height")),
    ...optional("count", given.number("count")),
    ...optional("batchSize", given.number("batch-size")),
    ...optional("seed", chosenSeed(given)),
    ...optional("image", await readPicture(given.text("image"))),
    ...optional("mask", await readPicture(given.text("mask"))),
    ...optional("strength", given.number("strength")),
    ...optional("clipSkip", given.number("clip-skip")),
    // Their tables say what these may be.
    ...optional("promptSyntax", given.text("prompt-syntax") as PromptSyntax | undefined),
    ...optional("rng", given.text("rng") as RandomSource | undefined),
  };
}

/** The seed that was chosen; none is a random one. */
function chosenSeed(given: ParsedArguments): number | undefined {
  const seed = given.number("seed");
  return seed === -1 ? undefined : seed;
}

/** The bytes; the pipeline cuts the picture to size. */
async function readPicture(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  return await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read the picture "${path}": ${reasonOf(cause)}.`);
  });
}

/** `--sampler NAME`, with `--eta` and `--sampler-options` as JSON. */
function readSampler(given: ParsedArguments): Sampler | undefined {
  const [name, eta, json] = [given.text("sampler"), given.number("eta"), given.text("sampler-options")];
  if (name !== undefined) {
    return createSampler(name, { ...json !== undefined && parseObject("sampler-options", json), eta });
  }
  if (eta === undefined && json === undefined) return undefined;
  throw new UsageError("--eta and --sampler-options belong to a sampler: expected --sampler too.");
}

function parseObject(option: keyof typeof examples, json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch { /* said below */ }
  throw new UsageError(`Cannot read --${option} ${json}: expected JSON, as '${examples[option]}'.`);
}

const examples = {
  "sampler-options": '{"spacing":"trailing"}',
  "sizes": '{"original":{"width":1024,"height":1024}}',
} as const;

function report({ images, milliseconds }: Generation, paths: readonly string[]): unknown {
  const { prompt, model, backend, sampler, steps, seed } = images[0]!.parameters;
  const files = images.map(({ width, height, data, parameters }, i) => ({
    path: paths[i],
    seed: parameters.seed,
    width,
    height,
    sha256: createHash("sha256").update(data).digest("hex"),
  }));
  return { prompt, model, backend, sampler, steps, seed, images: files, milliseconds };
}

/** `{ name: value }`, or nothing where there is no value. */
function optional<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: T };
}
