/**
 * `--lora FILE[:scale]` (or the name of one that the model carries) and `--control MODEL --control-image FILE`, each as often as needed.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import type { ControlInput } from "../pipeline/generate_options.ts";
import type { Image } from "../core/image.ts";
import type { LoraInput } from "../core/model.ts";
import { cannyEdges, decodeImage, resizeImage } from "../image/mod.ts";
import { readInversions, type TextualInversion } from "../parts/textual_inversion.ts";
import { extraNetworks } from "../tokenizer/mod.ts";
import { reasonOf } from "./_reason.ts";
import { type OptionTable, type ParsedArguments, UsageError } from "./usage.ts";

/** The options. */
export const adapterOptions: OptionTable = {
  "lora": {
    value: "file[:scale]",
    text: "a LoRA, or the name of one that the model carries, and how much of it",
    multiple: true,
  },
  "lora-folder": {
    value: "folder",
    text: 'where "<lora:name:0.8>" in a prompt is looked for, with --prompt-syntax weighted',
  },
  "lora-strict": { text: "refuse a LoRA that has more than the model has layers for" },
  "inversion": {
    value: "file[=word]",
    text: "a new word for prompts: an embedding and how it is spelled, or a LoRA that bundles words",
    multiple: true,
  },
  "control": {
    value: "model",
    text: "a ControlNet or T2I-Adapter: folder, file, or the name of one that the model carries",
    multiple: true,
  },
  "control-image": {
    value: "file",
    text: "the picture that a --control follows, one for each",
    multiple: true,
  },
  "control-scale": {
    value: "number",
    text: "how strongly a --control counts, one for each",
    range: "0 or more",
    default: "1",
    multiple: true,
  },
  "control-edges": { text: "find the edges of each --control-image first" },
};

/** LoRAs in the order given; the scale after the last colon is 1 where there is none. */
export function readLoras(given: ParsedArguments): LoraInput[] {
  const strict = given.flag("lora-strict");
  return given.texts("lora").map((word) => {
    const [, source, scale] = word.match(/^(.+):(-?[\d.]+)$/) ?? [undefined, word, "1"];
    if (Number.isNaN(Number(scale))) {
      throw new UsageError(`Cannot read --lora ${word}: expected FILE or FILE:scale.`);
    }
    return { source: source!, scale: Number(scale), strict };
  });
}

/** The new words of `--inversion`, in the order given; a record's `FILE=word` may have any name. */
export async function readWords(given: ParsedArguments): Promise<TextualInversion[]> {
  const words = await Promise.all(
    given.texts("inversion").map(async (text) => {
      const [, path = text, token] = text.match(/^(.+\.safetensors)=(.+)$/i) ?? [];
      return await readInversions(path, token === undefined ? {} : { token }).catch((cause: Error) => {
        throw new UsageError(`Cannot read --inversion ${text}. ${cause.message}`);
      });
    }),
  );
  return words.flat();
}

/**
 * Takes `<lora:name:scale>` out of a prompt, for files of `--lora-folder`; what else stands in angle brackets stays.
 *
 * @throws {UsageError} If the folder has no such file.
 */
export async function promptLoras(
  prompt: string,
  folder: string,
): Promise<{ readonly prompt: string; readonly loras: readonly LoraInput[] }> {
  const found = extraNetworks(prompt).networks.filter(({ kind }) => kind === "lora");
  if (found.length === 0) return { prompt, loras: [] };
  const entries = await readdir(folder, { recursive: true }).catch((cause: Error) => {
    throw new UsageError(`Cannot read --lora-folder ${folder}: ${reasonOf(cause)}.`);
  });
  const files = entries.sort().map((entry) => entry.replaceAll("\\", "/"));
  const loras = found.map(({ name, scale, spelling }) => {
    // As for --lora, a key that fits nothing is a warning.
    const file = files.find((path) =>
      path === `${name}.safetensors` || path.endsWith(`/${name}.safetensors`)
    );
    if (file !== undefined) {
      return { source: `${folder.replace(/[/\\]$/, "")}/${file}`, scale, strict: false };
    }
    throw new UsageError(
      `Cannot use ${spelling} of the prompt: --lora-folder ${folder} has no ${name}.safetensors.`,
    );
  });
  return { prompt: found.reduce((text, { spelling }) => text.replace(spelling, ""), prompt), loras };
}

/**
 * Controls in the order given, each with its picture; `--control-edges` makes edges of the pictures first.
 *
 * @param size Side of the result where no other is given.
 */
export async function readControls(given: ParsedArguments, size: number): Promise<ControlInput[]> {
  const [sources, pictures, scales] = ["control", "control-image", "control-scale"].map((name) =>
    given.texts(name)
  ) as [readonly string[], readonly string[], readonly string[]];
  if (sources.length !== pictures.length || scales.length > sources.length) {
    throw new UsageError(
      `Cannot use ${sources.length} --control with ${pictures.length} --control-image and ${scales.length} --control-scale: ` +
        `expected a picture, and at most one scale, for each control.`,
    );
  }
  return await Promise.all(sources.map(async (source, i) => {
    const bytes = await readFile(pictures[i]!).catch((cause: Error) => {
      throw new UsageError(`Cannot read the picture "${pictures[i]}": ${reasonOf(cause)}.`);
    });
    const scale = Number(scales[i] ?? 1);
    return { source, image: given.flag("control-edges") ? await edgesOf(bytes, given, size) : bytes, scale };
  }));
}

/** Edges are found at the size of the result: resized edges would blur. */
async function edgesOf(bytes: Uint8Array, given: ParsedArguments, size: number): Promise<Image> {
  const [width, height] = [given.number("width") ?? size, given.number("height") ?? size];
  return cannyEdges(resizeImage(await decodeImage(bytes), { width, height }));
}
