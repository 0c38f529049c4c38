/**
 * `--from PICTURE`: the options that a picture was made with, from its own file.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { PictureRequest } from "../presets/records/request.ts";
import { readPictureRequest } from "../presets/records/read_picture_request.ts";
import { UsageError } from "./usage.ts";

/**
 * A picture's file as a request.
 *
 * @throws {UsageError} If the file cannot be read, or does not say how it was made.
 */
export async function requestOf(path: string): Promise<PictureRequest> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot read --from ${path}: ${cause.message}`);
  });
  return await readPictureRequest(bytes).catch((error: Error) => {
    throw new UsageError(`Cannot read --from ${path}. ${error.message}`);
  });
}

/** Its options in the words of the command line, by their names without dashes; `prompt` is the prompt. */
export function wordsOf({ options }: PictureRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      dashed(name),
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
}

/**
 * What it says beyond its options, as warnings; what the user's own options settle is left out.
 *
 * @throws {UsageError} If it cannot be made without an option that was not given.
 */
export function warningsOf(
  path: string,
  { remarks }: PictureRequest,
  isGiven: (name: string) => boolean,
): string[] {
  const open = remarks.filter(({ option }) => option === undefined || !isGiven(dashed(option)));
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

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
