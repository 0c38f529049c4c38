/** What commands that make pictures share: a model opened, a picture's options read, progress shown. */
import { readFile } from "node:fs/promises";
import process from "node:process";
import type { GenerateOptions } from "../pipeline/generate_options.ts";
import type { LoraInput } from "../core/model.ts";
import type { RandomSource } from "../core/noise.ts";
import type { PromptSyntax } from "../core/parts.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { Sampler } from "../core/sampler.ts";
import type { PredictionType } from "../core/schedule.ts";
import { createPipeline, type CreatePipelineOptions } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { readHub } from "./_hub_options.ts";
import { readWords } from "./adapters.ts";
import { backendByName, dtypeByName } from "./choices.ts";
import { printable } from "./printable.ts";
import { Progress } from "./progress.ts";
import { reasonOf } from "./_reason.ts";
import { untilSignal } from "./_signals.ts";
import { modelStatus, Status } from "./_status.ts";
import { type ParsedArguments, UsageError } from "./usage.ts";

/** Opens the model that was asked for, as it was asked for. */
export async function openPipeline(
  given: ParsedArguments,
  opened: CreatePipelineOptions = {},
): Promise<Pipeline> {
  const dtype = given.text("dtype");
  const inversions = await readWords(given);
  const { hub, ...others } = opened;
  const onProgress = modelStatus(new Status());
  const options: CreatePipelineOptions = {
    ...others,
    hub: { ...hub, ...readHub(given) },
    onProgress,
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
    ...inversions.length > 0 && { inversions },
  };
  return await untilSignal((signal) => createPipeline({ ...options, signal }));
}

/** Puts LoRAs in use, and says what of them fits nothing. */
export async function useLoras(pipeline: Pipeline, loras: readonly LoraInput[]): Promise<void> {
  if (loras.length > 0) unmatchedWarnings(await pipeline.setLoras(loras, warn)).forEach(warn);
}

/** What fits no layer, unless `--lora-strict` made it an error. */
function unmatchedWarnings(keys: readonly string[]): string[] {
  if (keys.length === 0) return [];
  const some = keys.slice(0, 3).map((key) => JSON.stringify(key)).join(", ");
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  const words = keys.some((key) => key.startsWith("bundle_emb."))
    ? " Those of bundle_emb are words for prompts: give the file as --inversion too."
    : "";
  return [
    `The LoRAs' ${some}${more} belong to no layer of the model and are left out (--lora-strict refuses them).${words}`,
  ];
}

/** A line on standard error. */
export function warn(message: string): void {
  process.stderr.write(`${printable(message)}\n`);
}

/** Shows progress, and stops when the system asks for it. */
export async function withProgress<T>(
  run: (onStep: NonNullable<GenerateOptions["onStep"]>, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using progress = new Progress();
  return await untilSignal((signal) => run((step) => progress.step(step), signal));
}

/** The options of a picture. */
export async function requestOptions(given: ParsedArguments): Promise<Omit<GenerateOptions, "prompt">> {
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
export function chosenSeed(given: ParsedArguments): number | undefined {
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

/** `{ name: value }`, or nothing where there is no value. */
export function optional<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: T };
}
