/**
 * `download OWNER/NAME`: fetches a model into the cache and prints its folder.
 *
 * @module
 */
import { resolveModel } from "../hub/mod.ts";
import { untilSignal } from "./_signals.ts";
import { downloadStatus, Status } from "./_status.ts";
import { hubOptions, readHub } from "./_hub_options.ts";
import { writeOut } from "./_streams.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "./usage.ts";

/** The command. */
export const downloadCommand: CommandEntry = {
  name: "download",
  text: "fetch a model into the cache and print its folder",
  words: { model: "OWNER/NAME on a hub" },
  options: {
    "variant": {
      value: "name",
      text: 'which of several weights, as "fp16"',
      default: "the plain ones, or the only ones",
    },
    ...hubOptions,
  },
  examples: [
    "stable-diffusion-v1-5/stable-diffusion-v1-5 --variant fp16",
    "owner/name --revision v1.0 --hub https://hf-mirror.example",
  ],
  run: download,
};

async function download(given: ParsedArguments): Promise<void> {
  const [name, ...rest] = given.words;
  if (name === undefined || rest.length > 0) throw new UsageError("Expected one model: download OWNER/NAME.");
  const variant = given.text("variant");
  const status = new Status();
  const folder = await untilSignal((signal) =>
    resolveModel(name, {
      ...readHub(given),
      ...variant !== undefined && { variant },
      signal,
      onProgress: downloadStatus(status),
    })
  ).finally(() => status.clear());
  writeOut(`${folder}\n`);
}
