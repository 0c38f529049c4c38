/**
 * What a picture was made from beside its prompt: enough to make it again, or a word on what no file can hold.
 *
 * @module
 */
import type { ReadOptions } from "./_pictures.ts";
import type { GenerateOptions, Run } from "./generate_options.ts";
import type { Image } from "./image.ts";
import type { LoraInput, Model } from "./model.ts";
import type { ControlOptions } from "./parts.ts";
import type { Tensor } from "./tensor.ts";

/** Where a model came from. */
export interface ModelOrigin {
  /** What the user called it: a path, a name on a hub, `"mini"`. Absent where files or parts were given. */
  readonly source?: string;
  /** Size of its files in all, in bytes, where they are on disk. */
  readonly bytes?: number;
  /** Options that it was opened with and that change pictures, as JSON holds them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Names of options that no record holds. */
  readonly lacks: readonly string[];
}

/** A file or picture that was used. */
export interface UsedFile {
  /** How the user named it; absent where bytes were given. */
  readonly source?: string;
  /** SHA-256 in hexadecimal digits, or another text that tells it from others; absent where that would cost much. */
  readonly hash?: string;
}

/** A LoRA that was used. */
export interface UsedLora extends UsedFile, Pick<LoraInput, "scale" | "strict"> {}

/** A control that was used; the hash is its picture's. */
export interface UsedControl extends UsedFile, Pick<ControlOptions, "scale" | "window" | "guessMode"> {}

/** What a picture was made from beside its prompt. */
export interface PictureSources {
  /** The model's; absent of a model that was put together by hand. */
  readonly model?: ModelOrigin;
  /** LoRAs, in order. */
  readonly loras: readonly UsedLora[];
  /** Controls, in order. */
  readonly controls: readonly UsedControl[];
  /** Hash of the pixels that the run began with. */
  readonly image?: string;
  /** Hash of the mask's pixels. */
  readonly mask?: string;
  /** How the run's rows were computed, where it is not the usual way. */
  readonly run: Readonly<Partial<Pick<GenerateOptions, "batchNoise" | "guidanceMode" | "batchSize">>>;
  /** The caller's own notes. */
  readonly notes: Readonly<Record<string, string>>;
  /** Names of what was given and cannot be kept, as `latents`. */
  readonly lacks: readonly string[];
}

/** Tells a file, or bytes, from others: SHA-256, or nothing where that would cost much. */
export type Fingerprint = (source: string | Uint8Array | Blob) => Promise<string | undefined>;

/** The LoRAs of a call as a record has them. */
export async function usedLoras(
  loras: readonly LoraInput[],
  fingerprint: Fingerprint | undefined,
): Promise<UsedLora[]> {
  return await Promise.all(loras.map(async ({ source, ...rest }) => ({
    ...typeof source === "string" && { source },
    ...rest,
    ...await hashed(fingerprint, source),
  })));
}

/** The sources of all rows of a run. */
export async function picturesSources(
  { origin }: Pick<Model, "origin">,
  run: Run,
  options: ReadOptions,
  { loras, fingerprint }: {
    readonly loras: readonly UsedLora[];
    readonly fingerprint: Fingerprint | undefined;
  },
): Promise<PictureSources> {
  const { image, mask, control = [], latents, record = {} } = options;
  const rows = Math.min(run.batchSize, run.prompts.length);
  const shared = run.batchNoise === "shared" && run.prompts.length > 1;
  const pixels = async (picture: Image | Tensor | undefined) =>
    picture === undefined ? undefined : (await hashed(fingerprint, bytesOf(picture))).hash;
  const [imageHash, maskHash] = [await pixels(image), await pixels(mask)];
  return {
    ...origin !== undefined && { model: origin },
    loras,
    controls: await Promise.all(control.map(async ({ source, image, ...rest }) => ({
      ...typeof source === "string" && { source },
      ...rest,
      ...await hashed(fingerprint, bytesOf(image)),
    }))),
    ...imageHash !== undefined && { image: imageHash },
    ...maskHash !== undefined && { mask: maskHash },
    run: {
      ...shared && { batchNoise: run.batchNoise },
      ...run.guidanceMode !== "batch" && { guidanceMode: run.guidanceMode },
      ...rows > 1 && { batchSize: rows },
    },
    notes: record,
    lacks: [
      ...origin?.lacks ?? ["model"],
      ...latents === undefined ? [] : ["latents"],
      ...loras.some(({ source }) => source === undefined) ? ["loras"] : [],
      ...control.some(({ source }) => typeof source !== "string") ? ["control"] : [],
    ],
  };
}

function bytesOf({ data }: Image | Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function hashed(
  fingerprint: Fingerprint | undefined,
  source: string | Uint8Array | Blob,
): Promise<Pick<UsedFile, "hash">> {
  const hash = await fingerprint?.(source);
  return hash === undefined ? {} : { hash };
}
