/**
 * What a picture file asks for, when it is to be made again.
 *
 * @module
 */
import type { ControlInput } from "../../core/generate_options.ts";
import type { LoraInput } from "../../core/model.ts";
import type { PromptSyntax } from "../../core/parts.ts";
import type { RandomSource } from "../../core/noise.ts";
import type { RunSizes } from "../../core/told_sizes.ts";

/** Options as a picture's file gives them; what it does not say is absent. */
export interface RequestOptions {
  /** What to show. */
  readonly prompt: string;
  /** What not to show. */
  readonly negativePrompt?: string;
  /** What a second text encoder reads. */
  readonly prompt2?: string;
  /** Likewise what not to show. */
  readonly negativePrompt2?: string;
  /** Sizes that the model is told. */
  readonly sizes?: RunSizes;
  /** Name of the sampler, one of ours. */
  readonly sampler?: string;
  /** Options of its factory. */
  readonly samplerOptions?: Readonly<Record<string, unknown>>;
  /** Number of steps. */
  readonly steps?: number;
  /** Guidance scale. */
  readonly guidance?: number;
  /** How much of guidance's overexposure to take back. */
  readonly guidanceRescale?: number;
  /** Seed of the picture. */
  readonly seed?: number;
  /** Pixels across. */
  readonly width?: number;
  /** Pixels down. */
  readonly height?: number;
  /** How far to go from the picture that it was made from. */
  readonly strength?: number;
  /** Last layers of the text encoder to leave out. */
  readonly clipSkip?: number;
  /** How prompts are read. */
  readonly promptSyntax?: PromptSyntax;
  /** Whose random numbers the seed stands for. */
  readonly rng?: RandomSource;
  /** Whether the guided and the unguided half ran together. */
  readonly guidanceMode?: "batch" | "passes";
  /** Path or name of the model; pictures of others name theirs in {@linkcode PictureRequest.model} only. */
  readonly model?: string;
  /** Name of the backend. */
  readonly backend?: string;
  /** Further options that the model was opened with. */
  readonly opened?: Readonly<Record<string, unknown>>;
  /** LoRAs, in order. */
  readonly loras?: readonly (Pick<LoraInput, "scale" | "strict"> & { readonly source: string })[];
  /** Controls, in order; their pictures are not in the file. */
  readonly control?: readonly (Omit<ControlInput, "source" | "image"> & { readonly source: string })[];
}

/** Something that the options do not carry. */
export interface Remark {
  /** The option that settles it, where there is one: who gives it can ignore the remark. */
  readonly option?: string;
  /** Whether the picture cannot be made without that option. @default {false} */
  readonly needed?: boolean;
  /** A clause, as "it was made with the model \"house\"". Text out of the file is quoted as JSON. */
  readonly text: string;
}

/** A picture's file as a request. */
export interface PictureRequest {
  /** The program that wrote it. */
  readonly writer: string;
  /** What is asked for. */
  readonly options: RequestOptions;
  /** All that the file says and the options do not: nothing is dropped in silence. */
  readonly remarks: readonly Remark[];
  /** What the writer calls its model, where it says. */
  readonly model?: string;
  /**
   * Settings that are kept beside the options: the notes of the call (see `record` in {@linkcode GenerateOptions}), and
   * hashes and sizes of what was used.
   */
  readonly kept?: Readonly<Record<string, string>>;
}

/** How the files of one program are read. */
export interface Dialect {
  /** The program. */
  readonly name: string;
  /** Whether a picture with these texts is its own. */
  recognises(texts: Readonly<Record<string, string>>): boolean;
  /**
   * Reads the texts.
   *
   * @throws {TypeError} If they are malformed, or of a kind that cannot be made again here.
   */
  read(texts: Readonly<Record<string, string>>): PictureRequest;
}

/** What cannot be read, in one sentence. */
export function unreadable(state: string, expected: string): TypeError {
  return new TypeError(`Cannot make the picture again: ${state}, expected ${expected}.`);
}
