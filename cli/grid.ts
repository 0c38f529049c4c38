/**
 * `grid PROMPT --x NAME=VALUES --y NAME=VALUES`: pictures that differ in two options, as one labelled sheet.
 *
 * @module
 */
import { randomInt } from "node:crypto";
import type { Image } from "../core/image.ts";
import { encodeImage } from "../image/mod.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { generateOptions } from "./_generate_options.ts";
import { openPipeline, requestOptions, useLoras, warn, withProgress } from "./_make_pictures.ts";
import { labelledSheet } from "./_sheet.ts";
import { writeOut } from "./_streams.ts";
import { readLoras } from "./adapters.ts";
import { printable } from "./printable.ts";
import {
  type CommandEntry,
  givenWords,
  type OptionWords,
  type ParsedArguments,
  parsedArguments,
  UsageError,
} from "./usage.ts";
import { checkWritable, formatOf, writeFree } from "./write_pictures.ts";

/** Options that an axis may be, with the values that it has where none are said. */
const axes: Readonly<Record<string, readonly string[]>> = {
  "sampler": SAMPLERS.filter(({ weights }) => weights === "any").map(({ name }) => name),
  "steps": ["4", "8", "16", "32"],
  "guidance": ["1", "3", "5", "7.5"],
  "guidance-rescale": ["0", "0.35", "0.7"],
  "seed": ["1", "2", "3", "4"],
  "strength": ["0.2", "0.4", "0.6", "0.8"],
  "clip-skip": ["0", "1", "2"],
  "eta": ["0", "0.5", "1"],
  "rng": ["cpu", "cuda"],
  "prompt-syntax": ["plain", "weighted"],
  "negative-prompt": [],
  "prompt": [],
};

/** Options of `generate` that a grid has no use for. */
const unused = [
  "from",
  "count",
  "batch-size",
  "json",
  "lora-folder",
  "control",
  "control-image",
  "control-scale",
  "control-edges",
];
const axis = { value: "name[=values]", group: "Output" };

/** The command. */
export const gridCommand: CommandEntry = {
  name: "grid",
  text: "make a labelled sheet of pictures that differ in one option or two",
  words: { prompt: "what to show, in quotes" },
  options: {
    ...Object.fromEntries(Object.entries(generateOptions).filter(([name]) => !unused.includes(name))),
    "x": {
      ...axis,
      text: `what differs from left to right, as "steps=1,4,8" or "steps": ${Object.keys(axes).join(", ")}`,
    },
    "y": { ...axis, text: "likewise from top to bottom; values with commas are parted by |" },
  },
  examples: [
    '"a red house" --x sampler=euler,ddim --y steps=4,8,16 --out grid.png',
    '"a lake" --x seed --y guidance',
  ],
  run: grid,
};

interface Axis {
  readonly name: string;
  readonly values: readonly string[];
}

async function grid(given: ParsedArguments): Promise<void> {
  const [prompt, ...rest] = given.words;
  const [x, y] = [readAxis(given, "x"), readAxis(given, "y")];
  if (x === undefined) {
    throw new UsageError("Expected what differs: grid PROMPT --x steps=4,8 [--y guidance=1,5].");
  }
  if (x.name === y?.name) {
    throw new UsageError(`Expected two options that differ, got --x and --y ${x.name}.`);
  }
  const asked = prompt ?? (x.name === "prompt" || y?.name === "prompt" ? "" : undefined);
  if (asked === undefined || rest.length > 0) {
    throw new UsageError(`Expected one prompt in quotes, got ${given.words.length} arguments.`);
  }
  const out = given.text("out") ?? "grid.png";
  const format = formatOf(out);
  await checkWritable(out);
  const common = { seed: `${randomInt(2 ** 32)}`, ...givenWords(given, Object.keys(generateOptions)) };
  const cells = (y?.values ?? [""]).flatMap((down) =>
    x.values.map((across) => ({ [x.name]: across, ...y !== undefined && { [y.name]: down } }))
  );
  await using pipeline = await openPipeline(given);
  await useLoras(pipeline, readLoras(given));
  const pictures: (Image | undefined)[] = [];
  for (const cell of cells) {
    pictures.push(
      await pictureOf({ prompt: asked, ...common, ...cell }).catch((error: Error) => {
        if (![UsageError, RangeError, TypeError].some((kind) => error instanceof kind)) throw error;
        warn(
          `${Object.entries(cell).map(([name, value]) => `${name} ${value}`).join(", ")}: ${error.message}`,
        );
        return undefined;
      }),
    );
  }
  if (pictures.every((picture) => picture === undefined)) {
    throw new UsageError("No picture of the grid could be made.");
  }
  const named = ({ name, values }: Axis) => values.map((value) => `${name} ${value}`);
  const sheet = labelledSheet({ columns: named(x), rows: y === undefined ? [""] : named(y), pictures });
  const text = format === "png" ? { text: { Grid: JSON.stringify({ prompt: asked, ...common, x, y }) } } : {};
  const { path } = await writeFree(await encodeImage(sheet, format, text), out, given.flag("force"));
  if (path !== out) warn(`"${out}" is there already: the sheet is "${path}" (--force overwrites).`);
  if (!given.isGiven("seed")) warn(`seed ${common.seed}`);
  writeOut(`${printable(path)}\n`);

  async function pictureOf({ prompt, ...words }: OptionWords): Promise<Image> {
    const options = await requestOptions(parsedArguments(generateOptions, [], words));
    const { images } = await withProgress((onStep, signal) =>
      pipeline.generate({ ...options, prompt: String(prompt), onStep, signal, onWarning: warn })
    );
    return images[0]!;
  }
}

/** `steps=4,8`, or `steps` with the usual values. */
function readAxis(given: ParsedArguments, option: "x" | "y"): Axis | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const [, name = "", said] = text.match(/^([\w-]+)(?:=([^]*))?$/) ?? [];
  const usual = Object.hasOwn(axes, name) ? axes[name]! : undefined;
  const values =
    said?.split(said.includes("|") ? "|" : ",").map((value) => value.trim()).filter((value) =>
      value !== ""
    ) ??
      usual ?? [];
  if (usual !== undefined && values.length > 0) return { name, values };
  throw new UsageError(
    `Cannot read --${option} ${text}: expected ${Object.keys(axes).join(", ")}, with values as "steps=4,8".`,
  );
}
