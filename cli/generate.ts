/**
 * `generate PROMPT [options]`: makes pictures; `generate --from PICTURE` makes one again.
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
import { createPipeline } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { adapterOptions, promptLoras, readControls, readLoras } from "./adapters.ts";
import { backendByName, dtypeByName } from "./choices.ts";
import type { PictureRequest } from "../presets/records/request.ts";
import { changesSince, NOTES, requestOf, warningsOf, wordsOf } from "./from_picture.ts";
import { printable } from "./printable.ts";
import { Progress } from "./progress.ts";
import { checkWritable, formatOf, writePictures } from "./write_pictures.ts";
import { type OptionTable, parseArguments, type ParsedArguments, UsageError } from "./usage.ts";

const text = { type: "string" } as const;
const optionTable: OptionTable = {
  "model": { ...text, short: "m" },
  "backend": { ...text, short: "b" },
  "dtype": text,
  "variant": text,
  "vae": text,
  "unet": text,
  "text-encoder": text,
  "tokenizer": text,
  "prediction-type": text,
  "tile": text,
  "sampler": { ...text, short: "s" },
  "steps": text,
  "sampler-options": text,
  "eta": text,
  "guidance": text,
  "guidance-rescale": text,
  "negative-prompt": text,
  "width": text,
  "height": text,
  "count": text,
  "batch-size": text,
  "seed": text,
  "image": text,
  "strength": text,
  "mask": text,
  "clip-skip": text,
  "prompt-syntax": text,
  "rng": text,
  ...adapterOptions,
  "from": text,
  "out": { ...text, short: "o" },
  "json": { type: "boolean" },
};

/** Runs the command. */
export async function generate(args: string[]): Promise<void> {
  const { given, request, isGiven } = await readArguments(args);
  const [prompt = given.text("prompt"), ...rest] = given.words;
  if (prompt === undefined || rest.length > 0) {
    throw new UsageError(`Expected one prompt in quotes, got ${given.words.length} arguments.`);
  }
  const out = given.text("out") ?? "out.png";
  formatOf(out);
  await checkWritable(out);
  const options = await readOptions(given);
  const dtype = given.text("dtype");
  await using pipeline = await createPipeline({
    ...request?.options.opened,
    model: given.text("model") ?? "mini",
    backend: backendByName(given.text("backend") ?? "auto"),
    ...dtype !== undefined && { dtype: dtypeByName(dtype) },
    ...optional("variant", given.text("variant")),
    ...optional("vae", given.text("vae")),
    ...optional("unet", given.text("unet")),
    ...optional("textEncoder", given.text("text-encoder")),
    ...optional("tokenizer", given.text("tokenizer")),
    ...optional("predictionType", predictionType(given.text("prediction-type"))),
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
  const paths = await writePictures(generation.images, out);
  process.stdout.write(
    given.flag("json")
      ? `${printable(JSON.stringify(report(generation, paths)))}\n`
      : `${paths.map(printable).join("\n")}\n`,
  );
}

/** What was given, and what `--from` says about the rest. */
async function readArguments(args: readonly string[]): Promise<{
  readonly given: ParsedArguments;
  readonly request?: PictureRequest;
  readonly isGiven: (name: string) => boolean;
}> {
  const given = parseArguments(args, optionTable);
  const isGiven = (name: string) => given.text(name) !== undefined || given.texts(name).length > 0;
  const from = given.text("from");
  if (from === undefined) return { given, isGiven };
  const request = await requestOf(from);
  const words = wordsOf(request, isGiven);
  warningsOf(from, request, (name) => isGiven(name) || words[name] !== undefined).forEach(warn);
  return { given: parseArguments(args, optionTable, words), request, isGiven };
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
  const syntax = given.text("prompt-syntax");
  return {
    ...optional("sampler", readSampler(given)),
    ...optional("negativePrompt", given.text("negative-prompt")),
    ...optional("steps", given.number("steps")),
    ...optional("guidance", given.number("guidance")),
    ...optional("guidanceRescale", given.number("guidance-rescale")),
    ...optional("width", given.number("width")),
    ...optional("height", given.number("height")),
    ...optional("count", given.number("count")),
    ...optional("batchSize", given.number("batch-size")),
    ...optional("seed", given.number("seed")),
    ...optional("image", await readPicture(given.text("image"))),
    ...optional("mask", await readPicture(given.text("mask"))),
    ...optional("strength", given.number("strength")),
    ...optional("clipSkip", given.number("clip-skip")),
    ...syntax !== undefined && { promptSyntax: promptSyntax(syntax) },
    ...optional("rng", given.text("rng") as RandomSource | undefined), // the pipeline says what it may be
  };
}

/** The bytes; the pipeline cuts the picture to size. */
async function readPicture(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  return await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read the picture "${path}": ${cause.message}`);
  });
}

/** `--sampler NAME`, with `--eta` and `--sampler-options` as JSON. */
function readSampler(given: ParsedArguments): Sampler | undefined {
  const [name, eta, json] = [given.text("sampler"), given.number("eta"), given.text("sampler-options")];
  if (name !== undefined) return createSampler(name, { ...json !== undefined && parseObject(json), eta });
  if (eta === undefined && json === undefined) return undefined;
  throw new UsageError("--eta and --sampler-options belong to a sampler: expected --sampler too.");
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch { /* said below */ }
  throw new UsageError(`Cannot read --sampler-options ${json}: expected JSON, as '{"spacing":"trailing"}'.`);
}

function report({ images, milliseconds }: Generation, paths: readonly string[]): unknown {
  const { model, backend, sampler, steps, seed } = images[0]!.parameters;
  const files = images.map(({ width, height, data }, i) => ({
    path: paths[i],
    width,
    height,
    sha256: createHash("sha256").update(data).digest("hex"),
  }));
  return { model, backend, sampler, steps, seed, images: files, milliseconds };
}

/** `{ name: value }`, or nothing where there is no value. */
function optional<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: T };
}

function promptSyntax(word: string): PromptSyntax {
  if (word === "plain" || word === "weighted") return word;
  throw new UsageError(`Unknown --prompt-syntax ${word}: expected plain or weighted.`);
}

function predictionType(word: string | undefined): PredictionType | undefined {
  const known: readonly PredictionType[] = ["epsilon", "v_prediction", "sample"];
  const found = known.find((type) => type === word);
  if (word === undefined || found !== undefined) return found;
  throw new UsageError(`Unknown --prediction-type ${word}: expected ${known.join(", ")}.`);
}
