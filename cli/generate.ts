/**
 * `generate PROMPT [options]`: makes pictures.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import type { GenerateOptions } from "../core/generate_options.ts";
import type { GeneratedImage, Generation, ImageFormat } from "../core/generation.ts";
import type { Image } from "../core/image.ts";
import type { PromptSyntax } from "../core/parts.ts";
import { decodeImage } from "../image/mod.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { createSampler } from "../samplers/mod.ts";
import { backendByName, dtypeByName } from "./choices.ts";
import { Progress } from "./progress.ts";
import { type OptionTable, type ParsedArguments, parseArguments, UsageError } from "./usage.ts";

const text = { type: "string" } as const;
const optionTable: OptionTable = {
  "model": { ...text, short: "m" },
  "backend": { ...text, short: "b" },
  "dtype": text,
  "variant": text,
  "sampler": { ...text, short: "s" },
  "steps": text,
  "eta": text,
  "guidance": text,
  "guidance-rescale": text,
  "negative-prompt": text,
  "width": text,
  "height": text,
  "count": text,
  "seed": text,
  "image": text,
  "strength": text,
  "mask": text,
  "clip-skip": text,
  "prompt-syntax": text,
  "out": { ...text, short: "o" },
  "json": { type: "boolean" },
};

/** Runs the command. */
export async function generate(args: string[]): Promise<void> {
  const given = parseArguments(args, optionTable);
  const [prompt, ...rest] = given.words;
  if (prompt === undefined || rest.length > 0) {
    throw new UsageError(`Expected one prompt in quotes, got ${given.words.length} arguments.`);
  }
  const out = given.text("out") ?? "out.png";
  const format = formatOf(out);
  const options = await readOptions(given);
  const dtype = given.text("dtype");
  await using pipeline = await createPipeline({
    model: given.text("model") ?? "mini",
    backend: backendByName(given.text("backend") ?? "wasm"),
    ...dtype !== undefined && { dtype: dtypeByName(dtype) },
    ...optional("variant", given.text("variant")),
  });
  const generation = await withProgress((onStep, signal) =>
    pipeline.generate({
      prompt,
      ...options,
      signal,
      onStep,
      onWarning: (message) => void process.stderr.write(`${message}\n`),
    })
  );
  const paths = await write(generation.images, out, format);
  process.stdout.write(given.flag("json") ? `${JSON.stringify(report(generation, paths))}\n` : `${paths.join("\n")}\n`);
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
  const sampler = given.text("sampler");
  const eta = given.number("eta");
  const syntax = given.text("prompt-syntax");
  if (eta !== undefined && sampler === undefined) throw new UsageError("--eta belongs to a sampler: expected --sampler too.");
  return {
    ...sampler !== undefined && { sampler: createSampler(sampler, { eta }) },
    ...optional("negativePrompt", given.text("negative-prompt")),
    ...optional("steps", given.number("steps")),
    ...optional("guidance", given.number("guidance")),
    ...optional("guidanceRescale", given.number("guidance-rescale")),
    ...optional("width", given.number("width")),
    ...optional("height", given.number("height")),
    ...optional("count", given.number("count")),
    ...optional("seed", given.number("seed")),
    ...optional("image", await readImage(given.text("image"))),
    ...optional("mask", await readImage(given.text("mask"))),
    ...optional("strength", given.number("strength")),
    ...optional("clipSkip", given.number("clip-skip")),
    ...syntax !== undefined && { promptSyntax: promptSyntax(syntax) },
  };
}

async function readImage(path: string | undefined): Promise<Image | undefined> {
  if (path === undefined) return undefined;
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read the picture "${path}": ${cause.message}`);
  });
  return await decodeImage(bytes);
}

/** Files beside each other: `house.png`, or `house-1.png`, `house-2.png`, … for several. */
async function write(images: readonly GeneratedImage[], out: string, format: ImageFormat): Promise<string[]> {
  const paths = images.map((_, i) => images.length === 1 ? out : out.replace(/(\.\w+)$/, `-${i + 1}$1`));
  for (const [i, image] of images.entries()) {
    const path = paths[i]!;
    await writeFile(path, await image.encode(format)).catch((cause: Error) => {
      throw new UsageError(`Cannot write the picture to "${path}": ${cause.message}`);
    });
  }
  return paths;
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

function formatOf(path: string): ImageFormat {
  const formats: Readonly<Record<string, ImageFormat>> = { png: "png", jpg: "jpeg", jpeg: "jpeg", webp: "webp" };
  const format = formats[path.match(/\.(\w+)$/)?.[1]?.toLowerCase() ?? ""];
  if (format !== undefined) return format;
  throw new UsageError(`Cannot write "${path}": expected a name that ends in .png, .jpg or .webp.`);
}

/** `{ name: value }`, or nothing where there is no value. */
function optional<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: T };
}

function promptSyntax(word: string): PromptSyntax {
  if (word === "plain" || word === "weighted") return word;
  throw new UsageError(`Unknown --prompt-syntax ${word}: expected plain or weighted.`);
}
