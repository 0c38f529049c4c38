/**
 * What a picture was made from beside its prompt: enough to make it again, or a word on what no file can hold.
 *
 * @module
 */
import type { GenerateOptions } from "./generate_options.ts";
import type { LoraInput } from "../core/model.ts";
import type { ModelOrigin, UsedFile } from "../core/model_origin.ts";
import type { ControlOptions } from "../core/parts.ts";

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
  readonly run: Pick<GenerateOptions, "batchNoise" | "guidanceMode" | "batchSize">;
  /** The caller's own notes. */
  readonly notes: Readonly<Record<string, string>>;
  /** Names of what was given and cannot be kept, as `latents`. */
  readonly lacks: readonly string[];
}

/** Tells a file, or bytes, from others: SHA-256, or nothing where that would cost much. */
export type Fingerprint = (source: string | Uint8Array | Blob) => Promise<string | undefined>;
