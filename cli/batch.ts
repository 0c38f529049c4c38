/**
 * `batch PROMPTS --out FOLDER`: a picture for each line of a file, gone on with where it was left.
 *
 * @module
 */
import { createHash, randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ImageFormat } from "../pipeline/generation.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { generateOptions } from "./_generate_options.ts";
import { BatchFolder, type Done } from "./batch/folder.ts";
import { type Job, readJobs } from "./batch/jobs.ts";
import { openPipeline, requestOptions, useLoras, warn, withProgress } from "./_make_pictures.ts";
import { readLoras } from "./adapters.ts";
import { printable } from "./printable.ts";
import { reasonOf } from "./_reason.ts";
import { writeOut } from "./_streams.ts";
import {
  type CommandEntry,
  givenWords,
  type OptionTable,
  type ParsedArguments,
  parsedArguments,
  UsageError,
} from "./usage.ts";

/** Options of one picture, which a line of the file may have. */
const lineNames = [
  "negative-prompt",
  "prompt2",
  "negative-prompt2",
  "sizes",
  "width",
  "height",
  "seed",
  "prompt-syntax",
  "clip-skip",
  "image",
  "strength",
  "mask",
  "sampler",
  "sampler-options",
  "steps",
  "eta",
  "guidance",
  "guidance-rescale",
  "rng",
] as const;

/** Options of `generate` that a batch has no use for. */
const unused = [
  "from",
  "count",
  "batch-size",
  "out",
  "force",
  "json",
  "lora-folder",
  "control",
  "control-image",
  "control-scale",
  "control-edges",
];

const lineOptions: OptionTable = pick(lineNames);
const kept = Object.keys(generateOptions).filter((name) => !unused.includes(name));

/** The command. */
export const batchCommand: CommandEntry = {
  name: "batch",
  text: "make a picture for each line of a file, and go on where it was left",
  words: { prompts: "a file of prompts: .txt, .jsonl, or .csv with a column called prompt" },
  options: {
    ...pick(kept),
    "seed": {
      value: "number",
      text: "the seed of the first line; a line without one of its own has the next after that",
      range: "0 … 9007199254740991",
      default: "a random one, kept in the folder",
      group: "What to show",
    },
    "format": {
      value: "name",
      text: "what the pictures are written as",
      choices: ["png", "jpg", "webp"],
      default: "png",
      group: "Output",
    },
    "out": { value: "folder", short: "o", text: "where pictures and manifest.jsonl go", group: "Output" },
    "json": { text: "print a line of the manifest for each picture, and nothing else", group: "Output" },
  },
  examples: [
    "prompts.txt --out pictures",
    "prompts.csv --out pictures --model ./stable-diffusion-v1-5 --steps 20",
  ],
  run: batch,
};

function pick(names: readonly string[]): OptionTable {
  return Object.fromEntries(names.map((name) => [name, generateOptions[name]!]));
}

async function batch(given: ParsedArguments): Promise<void> {
  const [path, ...rest] = given.words;
  const out = given.text("out");
  if (path === undefined || rest.length > 0 || out === undefined) {
    throw new UsageError("Expected one file of prompts and a folder: batch PROMPTS --out FOLDER.");
  }
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UsageError(`Cannot read the prompts "${path}": ${reasonOf(cause)}.`);
  });
  const { jobs, malformed } = readJobs(path, text, lineOptions);
  // What holds for all lines that do not say otherwise, as the command line gave it.
  const common = givenWords(given, [...kept, "format"].filter((name) => name !== "seed"));
  await using folder = await BatchFolder.open(out, {
    prompts: createHash("sha256").update(text).digest("hex"),
    options: common,
    seed: given.number("seed") ?? randomInt(2 ** 32),
  });
  const failed = malformed.map(({ line, problem }) => {
    warn(`${path}, line ${line}: ${problem}`);
    return line;
  });
  const left = jobs.filter(({ line }) => !folder.has(line));
  if (left.length < jobs.length) {
    warn(`${jobs.length - left.length} of ${jobs.length} pictures are there already.`);
  }
  if (left.length > 0) {
    await using pipeline = await openPipeline(given);
    await useLoras(pipeline, readLoras(given));
    for (const job of left) {
      const picture = pictureOf(job, folder.seed, given);
      try {
        const say = (message: string) => warn(`${path}, line ${job.line}: ${message}`);
        const words = parsedArguments(lineOptions, [], job.words, common);
        const done = await folder.adopt(picture) ??
          await folder.add(picture, await made(pipeline, { ...picture, words, say }));
        tell(done, out, given.flag("json"));
      } catch (error) {
        if (!(error instanceof LineError)) throw error;
        warn(`${path}, line ${job.line}: ${error.message}`);
        failed.push(job.line);
      }
    }
  }
  if (failed.length === 0) return;
  const some = failed.slice(0, 10).join(", ");
  throw new UsageError(
    `${failed.length} of ${jobs.length + malformed.length} lines made no picture: ${some}${
      failed.length > 10 ? ", …" : ""
    }.`,
  );
}

const formats: Readonly<Record<string, ImageFormat>> = { png: "png", jpg: "jpeg", webp: "webp" };

/** What is wrong with one line, while others may be right. */
class LineError extends Error {
  override readonly name = "LineError";
}

/** A line's picture as a file. */
async function made(
  pipeline: Pipeline,
  { prompt, seed, file, words, say }: Omit<Done, "sha256"> & {
    readonly words: ParsedArguments;
    readonly say: (message: string) => void;
  },
): Promise<Uint8Array> {
  try {
    const options = { ...await requestOptions(words), prompt, seed, onWarning: say };
    const { images } = await withProgress((onStep, signal) =>
      pipeline.generate({ ...options, onStep, signal })
    );
    return await images[0]!.encode(formats[file.replace(/^.*\./, "")]!);
  } catch (error) {
    const kinds = [UsageError, RangeError, TypeError]; // what was asked for is wrong, and not the machine
    throw kinds.some((kind) => error instanceof kind) ? new LineError((error as Error).message) : error;
  }
}

/** The same for a line, whenever it is made. */
function pictureOf(
  { line, prompt, words }: Job,
  first: number,
  given: ParsedArguments,
): Omit<Done, "sha256"> {
  const own = words["seed"];
  const seed = own === undefined || own === "-1" ? (first + line - 1) % 2 ** 53 : Number(own);
  return { line, prompt, seed, file: `${`${line}`.padStart(6, "0")}.${given.text("format") ?? "png"}` };
}

function tell(done: Done, out: string, json: boolean): void {
  writeOut(
    json ? `${printable(JSON.stringify(done))}\n` : `${printable(`${out}/${done.file}`)}\n`,
  );
}
