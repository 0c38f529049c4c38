/**
 * `download OWNER/NAME`: fetches a model into the cache and prints its folder.
 *
 * @module
 */
import process from "node:process";
import { resolveModel } from "../hub/mod.ts";
import { parseArguments, UsageError } from "./usage.ts";

/** Runs the command. */
export async function download(args: string[]): Promise<void> {
  const given = parseArguments(args, {
    variant: { type: "string" },
    revision: { type: "string" },
    cache: { type: "string" },
    token: { type: "string" },
    hub: { type: "string" },
  });
  const [name, ...rest] = given.words;
  if (name === undefined || rest.length > 0) throw new UsageError("Expected one model: download OWNER/NAME.");
  const texts = { variant: "variant", revision: "revision", cache: "cache", token: "token", baseUrl: "hub" };
  const options = Object.entries(texts).flatMap(([option, word]) => {
    const value = given.text(word);
    return value === undefined ? [] : [[option, value]];
  });
  let shown = -1;
  const folder = await resolveModel(name, {
    ...Object.fromEntries(options),
    onProgress: ({ file, allReceived, allTotal }) => {
      const percent = Math.floor(100 * allReceived / allTotal);
      if (percent > shown) {
        process.stderr.write(`\r${percent} % of ${(allTotal / 1e6).toFixed(0)} MB: ${file}\x1b[K`);
      }
      shown = Math.max(shown, percent);
    },
  });
  if (shown >= 0) process.stderr.write("\n");
  process.stdout.write(`${folder}\n`);
}
