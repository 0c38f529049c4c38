/**
 * `--from PICTURE`: the options that a picture was made with, from its own file.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { parseParameters, readPngText } from "../image/mod.ts";
import { UsageError } from "./usage.ts";

/**
 * Options in the words of the command line, by their names without dashes; `prompt` is the prompt.
 *
 * @throws {UsageError} If the file cannot be read, or does not say how it was made.
 */
export async function optionsFromPicture(path: string): Promise<Record<string, string>> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read --from ${path}: ${cause.message}`);
  });
  const { parameters } = await readPngText(bytes);
  if (parameters === undefined) {
    throw new UsageError(
      `Cannot read --from ${path}: the picture has no "parameters" text, expected a PNG made here or by A1111.`,
    );
  }
  const { prompt, negativePrompt, settings } = parseParameters(parameters);
  const options: Record<string, string> = { prompt };
  if (negativePrompt !== "") options["negative-prompt"] = negativePrompt;
  for (const [setting, option] of Object.entries(names)) {
    const value = settings[setting];
    if (value !== undefined) options[option] = value;
  }
  const [width, height] = settings["Size"]?.split("x") ?? [];
  if (width !== undefined && height !== undefined) Object.assign(options, { width, height });
  const clipSkip = Number(settings["Clip skip"]) - 1; // there 1 is the last layer
  if (clipSkip > 0) options["clip-skip"] = `${clipSkip}`;
  const spacing = settings["Schedule type"]; // A1111's since version 1.9; before, it was a part of the name
  if (spacing !== undefined && /^(Karras|Exponential|Beta)$/.test(spacing)) {
    options["sampler"] += ` ${spacing}`;
  }
  return options;
}

/** A1111's settings, and ours, that are options here. */
const names: Readonly<Record<string, string>> = {
  "Steps": "steps",
  "Sampler": "sampler",
  "Sampler options": "sampler-options",
  "CFG scale": "guidance",
  "CFG rescale": "guidance-rescale",
  "Seed": "seed",
  "Model": "model",
  "Denoising strength": "strength",
  "Eta": "eta",
  "Prompt syntax": "prompt-syntax",
};
