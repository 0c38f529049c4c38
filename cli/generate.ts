/**
 * `generate PROMPT`: makes pictures; `generate --from PICTURE` makes one again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Generation } from "../pipeline/generation.ts";
import type { CreatePipelineOptions } from "../presets/create_pipeline.ts";
import type { PictureRequest } from "../presets/records/request.ts";
import { generateOptions } from "./_generate_options.ts";
import {
  chosenSeed,
  openPipeline,
  optional,
  requestOptions,
  useLoras,
  warn,
  withProgress,
} from "./_make_pictures.ts";
import { promptLoras, readControls, readLoras } from "./adapters.ts";
import { changesSince, NOTES, refuseModelOf, requestOf, warningsOf, wordsOf } from "./from_picture.ts";
import { printable } from "./printable.ts";
import { checkWritable, formatOf, writePictures } from "./write_pictures.ts";
import { writeOut } from "./_streams.ts";
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
  const options = await requestOptions(given);
  const opened = (request?.options.opened ?? {}) as CreatePipelineOptions;
  await using pipeline = await openPipeline(given, opened);
  const folder = given.text("lora-folder");
  const own = folder === undefined || given.text("prompt-syntax") !== "weighted"
    ? { prompt, loras: [] }
    : await promptLoras(prompt, folder);
  const loras = [...isGiven("lora") ? readLoras(given) : request?.options.loras ?? [], ...own.loras];
  await useLoras(pipeline, loras);
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
  const force = given.flag("force");
  const paths = await writePictures(generation.images, out, force);
  if (generation.images.length === 1 && paths[0] !== out) {
    warn(`"${out}" is there already: the picture is "${paths[0]}" (--force overwrites).`);
  }
  writeOut(
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
  refuseModelOf(from, words, given.isGiven);
  warningsOf(from, request, (name) => given.isGiven(name) || words[name] !== undefined).forEach(warn);
  return { given: given.filledIn(words), request };
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
