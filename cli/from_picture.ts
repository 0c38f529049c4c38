/**
 * `--from PICTURE`: the options that a picture was made with, from its own file.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { GenerationParameters } from "../core/generation.ts";
import { parseParameters } from "../image/mod.ts";
import { parametersText } from "../presets/encode_generated.ts";
import type { PictureRequest } from "../presets/records/request.ts";
import { readPictureRequest } from "../presets/records/read_picture_request.ts";
import { reasonOf } from "./_reason.ts";
import { type OptionWords, UsageError } from "./usage.ts";

/** Settings that the command line keeps in a picture's file, for pictures that were read from files. */
export const NOTES = {
  image: "Image file",
  mask: "Mask file",
  controls: "Control files",
  edges: "Control edges",
} as const;

/**
 * A picture's file as a request.
 *
 * @throws {UsageError} If the file cannot be read, or does not say how it was made.
 */
export async function requestOf(path: string): Promise<PictureRequest> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read --from ${path}: ${reasonOf(cause)}.`);
  });
  return await readPictureRequest(bytes).catch((error: Error) => {
    throw new UsageError(`Cannot read --from ${path}. ${error.message}`);
  });
}

/**
 * Its options in the words of the command line, by their names without dashes; `prompt` is the prompt. What has no word
 * is left out.
 *
 * @param isGiven Whether the user gave an option, which then counts.
 */
export function wordsOf(
  { options, kept = {} }: PictureRequest,
  isGiven: (name: string) => boolean,
): OptionWords {
  const {
    opened: _,
    loras: _loras,
    guidanceMode: _mode,
    control,
    strength,
    samplerOptions,
    sizes,
    ...plain
  } = options;
  const words: Record<string, OptionWords[string]> = {};
  for (const [name, value] of Object.entries(plain)) words[dashed(name)] = String(value);
  for (const name of ["image", "mask"] as const) {
    const path = kept[NOTES[name]];
    if (path !== undefined) words[name] = path;
  }
  if (strength !== undefined && (isGiven("image") || words["image"] !== undefined)) {
    words["strength"] = `${strength}`;
  }
  if (samplerOptions !== undefined && !isGiven("sampler")) { // they are the recorded sampler's
    words["sampler-options"] = JSON.stringify(samplerOptions);
  }
  if (sizes !== undefined) words["sizes"] = JSON.stringify(sizes);
  if (control !== undefined && !isGiven("control")) {
    words["control"] = control.map(({ source }) => source);
    words["control-scale"] = control.map(({ scale = 1 }) => `${scale}`);
    words["control-image"] = controlFiles(kept[NOTES.controls]);
    if (kept[NOTES.edges] !== undefined) words["control-edges"] = true;
  }
  return words;
}

/**
 * What it says beyond its options, as warnings; what other options settle is left out.
 *
 * @throws {UsageError} If it cannot be made without an option that was not given.
 */
export function warningsOf(
  path: string,
  { remarks }: PictureRequest,
  isSettled: (name: string) => boolean,
): string[] {
  const open = remarks.filter(({ option }) => option === undefined || !isSettled(dashed(option)));
  const needed = open.find((remark) => remark.needed === true);
  if (needed !== undefined) {
    throw new UsageError(
      `Cannot make --from ${path} again: ${needed.text}, expected --${dashed(needed.option!)} too.`,
    );
  }
  return open.map(({ option, text }) =>
    `--from ${path}: ${text}${option === undefined ? "" : ` (see --${dashed(option)})`}.`
  );
}

/** Warnings of files that are no longer those that the picture was made from. */
export function changesSince(
  path: string,
  { kept = {}, writer }: PictureRequest,
  parameters: GenerationParameters,
  isGiven: (name: string) => boolean,
): string[] {
  const { settings: now, settings: { Version: version } } = parseParameters(parametersText(parameters));
  if (writer !== version) return [];
  return Object.entries(compared).flatMap(([setting, option]) =>
    isGiven(option) || kept[setting] === undefined || kept[setting] === now[setting] ? [] : [
      `--from ${path}: its ${setting} was ${kept[setting]} and is ${now[setting] ?? "absent"} now: ` +
      `another file stands in its place (see --${option}).`,
    ]
  );
}

const compared: Readonly<Record<string, string>> = {
  "Model bytes": "model",
  "LoRAs": "lora",
  "Controls": "control",
  "Image hash": "image",
  "Mask hash": "mask",
};

/** Paths, as JSON; none where the picture was not made by a command. */
function controlFiles(text: string | undefined): string[] {
  try {
    const paths: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(paths) ? paths.map(String) : [];
  } catch {
    return [];
  }
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
