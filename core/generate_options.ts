/**
 * What a user asks for, and what a run makes of it.
 *
 * @module
 */
import { checkOptions } from "./check_options.ts";
import { pictureSize, type ReadOptions } from "./_pictures.ts";
import type { Picture } from "./image.ts";
import { BASE, type Model, type OptionOfSome } from "./model.ts";
import type { Control, ControlOptions, PromptSyntax } from "./parts.ts";
import type { RandomSource } from "./noise.ts";
import type { Sampler } from "./sampler.ts";
import type { GenerationStep } from "./generation.ts";
import { type Latent, sizeOf } from "./tensor.ts";
import { checkSizes, type RunSizes } from "./told_sizes.ts";

/** Options of {@linkcode Pipeline.generate} and {@linkcode Pipeline.stream}. */
export interface GenerateOptions {
  /** What to show; several prompts give a row of pictures each. */
  readonly prompt: string | readonly string[];
  /** What not to show, for guidance; one for all prompts or one each. @default {""} */
  readonly negativePrompt?: string | readonly string[];
  /** What a model's second text encoder reads, in place of `prompt`; one for all prompts or one each. @default {prompt} */
  readonly prompt2?: string | readonly string[];
  /** Likewise, in place of `negativePrompt`. @default {negativePrompt} */
  readonly negativePrompt2?: string | readonly string[];
  /** Sizes that the model is told, where it is told any (Stable Diffusion XL). @default {the result's, nothing cut off} */
  readonly sizes?: RunSizes;
  /** The algorithm, or its name, as "DPM++ 2M Karras". @default {the model's own} */
  readonly sampler?: Sampler | string;
  /** Number of steps. @default {the sampler's} */
  readonly steps?: number;
  /** Classifier-free guidance scale; 1 or less is none and costs half. @default {the sampler's or the model's} */
  readonly guidance?: number;
  /** How much of guidance's overexposure to take back, 0 … 1. @default {0} */
  readonly guidanceRescale?: number;
  /** Whether the guided and the unguided half run together or one after the other (half the memory). @default {"batch"} */
  readonly guidanceMode?: "batch" | "passes";
  /** How many pictures the network works on at once; fewer need less memory. @default {all} */
  readonly batchSize?: number;
  /** Pixels across, a multiple of 8. @default {the model's} */
  readonly width?: number;
  /** Pixels down, a multiple of 8. @default {the model's} */
  readonly height?: number;
  /** Pictures a prompt. @default {1} */
  readonly count?: number;
  /** Seed of the first picture (n means n, n + 1, …), or one a picture. @default {a random one, reported back} */
  readonly seed?: number | readonly number[];
  /** One stream of noise a picture, or diffusers' single generator for the batch. @default {"separate"} */
  readonly batchNoise?: "separate" | "shared";
  /**
   * Whose random numbers the seed stands for: those of PyTorch on a CPU, as in diffusers, or on a GPU, as in most
   * pictures of A1111's web UI.
   * @default {"cpu"}
   */
  readonly rng?: RandomSource;
  /**
   * A picture to start from: pixels `[1, 3, height, width]` in −1 … 1, or 8-bit, which set width and height; or a
   * file, which is cut to them (where they are not given, to the model's number of pixels in its own proportions).
   */
  readonly image?: Picture;
  /** How far to go from `image`: 0 keeps it, 1 keeps its noise level only. @default {0.8, with a mask 1} */
  readonly strength?: number;
  /** Repaints where this is 1: `[1, 1, height, width]` in 0 … 1, or an 8-bit picture or a file (white repaints). */
  readonly mask?: Picture;
  /** Structure to follow. */
  readonly control?: readonly ControlInput[];
  /** Standard normal noise to start from, in place of the seed's. */
  readonly latents?: Latent;
  /** Last layers of the text encoder to leave out. @default {0} */
  readonly clipSkip?: number;
  /** How prompts are read. @default {"plain"} */
  readonly promptSyntax?: PromptSyntax;
  /** Further settings to keep in the picture's file, by names of words, as `{ Project: "houses" }`. @default {{}} */
  readonly record?: Readonly<Record<string, string>>;
  /** Called with a sentence when something was done otherwise than asked, as a prompt cut short. */
  readonly onWarning?: (message: string) => void;
  /** Stops the run. */
  readonly signal?: AbortSignal;
  /** Called after every step. */
  readonly onStep?: (step: GenerationStep) => void;
}

/** All names of {@linkcode GenerateOptions}; a missing or a further one does not type-check. */
const generateOptions: Readonly<Record<keyof GenerateOptions, true>> = {
  prompt: true,
  negativePrompt: true,
  prompt2: true,
  negativePrompt2: true,
  sizes: true,
  sampler: true,
  steps: true,
  guidance: true,
  guidanceRescale: true,
  guidanceMode: true,
  batchSize: true,
  width: true,
  height: true,
  count: true,
  seed: true,
  batchNoise: true,
  rng: true,
  image: true,
  strength: true,
  mask: true,
  control: true,
  latents: true,
  clipSkip: true,
  promptSyntax: true,
  record: true,
  onWarning: true,
  signal: true,
  onStep: true,
};

/**
 * Checks what a caller without types may get wrong.
 *
 * @throws {TypeError} If it is no object, an option is unknown, or there is no prompt.
 */
export function checkGenerateOptions(options: GenerateOptions): void {
  checkOptions(options, { action: "generate", known: Object.keys(generateOptions) });
  const { prompt } = options;
  if (typeof prompt === "string" || Array.isArray(prompt) && prompt.every((one) => typeof one === "string")) {
    return;
  }
  throw new TypeError(
    `Cannot generate: the prompt is ${typeof prompt}, expected a string or a list of strings.`,
  );
}

/** A control with the picture that it reads. */
export interface ControlInput extends Pick<ControlOptions, "scale" | "window" | "guessMode"> {
  /** The control, or where the model finds it: a folder's path, or the name of one of its own, as `"edges"`. */
  readonly source: Control | string;
  /** Its picture, of the size of the result: pixels `[1, 3, height, width]` in 0 … 1, or 8-bit; or a file. */
  readonly image: Picture;
}

/** More than anybody waits for. */
const mostPictures = 1024;

/** More than any network of this family has seen the memory for. */
const mostPixels = 2 ** 26;

/** Options checked and filled in. */
export interface Run {
  readonly prompts: readonly string[];
  /** Absent where the caller named none. */
  readonly negativePrompts?: readonly string[];
  /** Absent where they are the prompts. */
  readonly prompts2?: readonly string[];
  /** Absent where they are the negative prompts. */
  readonly negativePrompts2?: readonly string[];
  readonly sizes?: RunSizes;
  readonly sampler: Sampler;
  readonly kind: string;
  readonly steps: number;
  readonly guidance: number;
  readonly guidanceRescale: number;
  readonly guidanceMode: "batch" | "passes";
  readonly batchSize: number;
  readonly width: number;
  readonly height: number;
  readonly seeds: readonly number[];
  readonly batchNoise: "separate" | "shared";
  readonly rng: RandomSource;
  readonly strength: number;
}

/**
 * Checks options against a model and fills in the defaults.
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If options contradict each other.
 */
export function planRun(options: ReadOptions, model: Model): Run {
  const sampler = options.sampler ?? model.sampler;
  const kind = sampler.needs ?? BASE;
  if (!model.unets.has(kind)) {
    const kinds = [...model.unets.keys()].join(", ");
    throw new TypeError(
      `Cannot sample "${model.name}" with ${sampler.name}: it needs weights trained for "${kind}", the model has ${kinds}.`,
    );
  }
  const steps = whole("steps", options.steps ?? sampler.steps, 1, model.schedule.last + 1);
  const guidance = inRange("guidance", options.guidance ?? sampler.guidance ?? model.guidanceScale, 0, 1000);
  const { image, mask, control = [] } = options;
  const size = image === undefined ? { width: model.size, height: model.size } : pictureSize(image);
  const [width, height] = (["width", "height"] as const).map((side) => {
    const pixels = whole(side, options[side] ?? size[side], model.scale, 1 << 14);
    if (pixels % model.scale === 0) return pixels;
    const below = pixels - pixels % model.scale;
    throw new RangeError(
      `Cannot generate a picture with ${side} ${pixels}: expected a multiple of ${model.scale}, such as ${below} or ${
        below + model.scale
      }.`,
    );
  }) as [number, number];
  if (width * height > mostPixels) {
    throw new RangeError(
      `Cannot generate a picture of ${width} × ${height}: expected at most ${mostPixels} pixels in all.`,
    );
  }
  const controls = control.map((input) => ["control image", input.image] as const);
  for (const [name, picture] of [["image", image], ["mask", mask], ...controls] as const) {
    const given = picture === undefined ? { width, height } : pictureSize(picture);
    if (given.width !== width || given.height !== height) {
      throw new RangeError(
        `Cannot use the ${name}: it is ${given.width} × ${given.height}, expected ${width} × ${height} as the result.`,
      );
    }
  }
  if (mask !== undefined && image === undefined) {
    throw new TypeError("Cannot repaint: there is a mask but no image, expected both.");
  }
  if (options.strength !== undefined && image === undefined) {
    throw new TypeError("Cannot start from a picture: there is a strength but no image, expected both.");
  }
  const count = whole("count", options.count ?? 1, 1, mostPictures);
  const prompts = list(options.prompt).flatMap((prompt) => Array<string>(count).fill(prompt));
  if (prompts.length === 0) {
    throw new RangeError("Cannot generate: the list of prompts is empty, expected one or more.");
  }
  checkTaken(options, model);
  if (options.sizes !== undefined) checkSizes(options.sizes);
  const negativePrompts = rowsOf("negative prompts", options.negativePrompt, prompts.length, count);
  const prompts2 = rowsOf("second prompts", options.prompt2, prompts.length, count);
  const negativePrompts2 = rowsOf("second negative prompts", options.negativePrompt2, prompts.length, count);
  const latents = options.latents;
  if (latents !== undefined) {
    checkLatents(latents, [prompts.length, model.latentChannels, height / model.scale, width / model.scale]);
  }
  return {
    prompts,
    ...negativePrompts !== undefined && { negativePrompts },
    ...prompts2 !== undefined && { prompts2 },
    ...negativePrompts2 !== undefined && { negativePrompts2 },
    ...options.sizes !== undefined && { sizes: options.sizes },
    sampler,
    kind,
    steps,
    guidance,
    guidanceRescale: inRange("guidanceRescale", options.guidanceRescale ?? 0, 0, 1),
    guidanceMode: options.guidanceMode ?? "batch",
    batchSize: whole(
      "batchSize",
      options.batchSize ?? Math.min(prompts.length, mostPictures),
      1,
      mostPictures,
    ),
    width,
    height,
    seeds: planSeeds(options.seed, prompts.length),
    batchNoise: options.batchNoise ?? "separate",
    rng: oneOf("rng", options.rng ?? "cpu", ["cpu", "cuda"]),
    strength: inRange("strength", options.strength ?? (mask === undefined ? 0.8 : 1), 0, 1),
  };
}

/** What not every model takes. */
const ofSome: Readonly<Record<OptionOfSome, string>> = {
  prompt2: "has one text encoder",
  negativePrompt2: "has one text encoder",
  sizes: "is told no sizes",
};

function checkTaken(options: ReadOptions, { name, takes = [] }: Model): void {
  for (const option of Object.keys(ofSome) as OptionOfSome[]) {
    if (options[option] === undefined || takes.includes(option)) continue;
    throw new TypeError(
      `Cannot generate with ${option}: the model "${name}" ${
        ofSome[option]
      }, expected none, or a model such as ` +
        `Stable Diffusion XL.`,
    );
  }
}

/** One text a picture, of one for all or one a prompt. */
function rowsOf(
  what: string,
  given: string | readonly string[] | undefined,
  rows: number,
  count: number,
): string[] | undefined {
  if (given === undefined) return undefined;
  const texts = list(given);
  if (texts.length !== 1 && texts.length * count !== rows) {
    throw new RangeError(
      `Cannot generate: ${texts.length} ${what} for ${rows / count} prompts, expected 1 or as many.`,
    );
  }
  return Array.from({ length: rows }, (_, row) => texts[texts.length === 1 ? 0 : Math.floor(row / count)]!);
}

function planSeeds(seed: number | readonly number[] | undefined, rows: number): number[] {
  const first = seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  const seeds = typeof first === "number"
    ? Array.from({ length: rows }, (_, row) => first + row)
    : [...first];
  if (seeds.length !== rows) {
    throw new RangeError(
      `Cannot generate ${rows} pictures from ${seeds.length} seeds: expected one seed or one a picture.`,
    );
  }
  return seeds.map((value) => whole("seed", value, 0, Number.MAX_SAFE_INTEGER));
}

function checkLatents({ data, shape }: Latent, expected: readonly number[]): void {
  if (shape.length !== 4 || shape.some((size, i) => size !== expected[i]) || data.length !== sizeOf(shape)) {
    throw new RangeError(`Cannot start from the latents: their shape is [${shape}], expected [${expected}].`);
  }
  if (!data.every(Number.isFinite)) {
    throw new RangeError(
      "Cannot start from the latents: they hold NaN or infinity, expected finite numbers.",
    );
  }
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(
    `Cannot generate with ${name} ${value}: expected a whole number from ${min} to ${max}.`,
  );
}

function oneOf<T extends string>(name: string, value: T, expected: readonly T[]): T {
  if (expected.includes(value)) return value;
  throw new RangeError(`Cannot generate with ${name} "${value}": expected ${expected.join(" or ")}.`);
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new RangeError(`Cannot generate with ${name} ${value}: expected a number from ${min} to ${max}.`);
}
