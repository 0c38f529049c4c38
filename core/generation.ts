/**
 * What a run gives: a step at a time, then pictures.
 *
 * @module
 */
import type { Image } from "./image.ts";
import type { RandomSource } from "./noise.ts";
import type { PictureSources } from "./picture_sources.ts";
import type { PromptSyntax } from "./parts.ts";
import type { SamplerStep } from "./run_sampler.ts";
import type { Latent } from "./tensor.ts";
import type { RunSizes } from "./told_sizes.ts";

/** How a picture was made: enough to make it again, or what it lacks for that. */
export interface GenerationParameters {
  /** What to show. */
  readonly prompt: string;
  /** What not to show; empty if nothing was named. */
  readonly negativePrompt: string;
  /** Present where an empty text was named, which is not the same as none for every model. */
  readonly emptyNegativePrompt?: true;
  /** Present where a second text encoder read something else. */
  readonly prompt2?: string;
  /** Likewise what not to show. */
  readonly negativePrompt2?: string;
  /** Present where the model was told others than the picture's own. */
  readonly sizes?: RunSizes;
  /** The model's name. */
  readonly model: string;
  /** The backend's name. */
  readonly backend: string;
  /** The sampler's name. */
  readonly sampler: string;
  /** What its factory was given; absent if the sampler does not say. */
  readonly samplerOptions?: object;
  /** Number of steps. */
  readonly steps: number;
  /** Guidance scale. */
  readonly guidance: number;
  /** Seed of this picture. */
  readonly seed: number;
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** Present where the run began with a picture. */
  readonly strength?: number;
  /** Present where guidance was rescaled. */
  readonly guidanceRescale?: number;
  /** Present where layers of the text encoder were left out. */
  readonly clipSkip?: number;
  /** Present where prompts were not plain. */
  readonly promptSyntax?: PromptSyntax;
  /** Present where the seed did not stand for the numbers of PyTorch on a CPU. */
  readonly rng?: RandomSource;
  /** What beside the prompt it was made from. */
  readonly sources: PictureSources;
}

/** File formats that pictures are written in. */
export type ImageFormat = "png" | "jpeg" | "webp";

/** Options of {@linkcode GeneratedImage.encode}. */
export interface EncodeImageOptions {
  /** Quality of lossy formats, 1 … 100. @default {90} */
  readonly quality?: number;
}

/** Writes a picture with its parameters to a file's bytes. */
export type ImageEncoder = (
  image: Image,
  format: ImageFormat,
  parameters: GenerationParameters,
  options: EncodeImageOptions,
) => Promise<Uint8Array>;

/** How a picture file is cut to size when it is read. */
export interface ImageFit {
  /** Pixels across. @default {from `height` in the file's proportions, else from `pixels`} */
  readonly width?: number;
  /** Pixels down. @default {from `width` in the file's proportions, else from `pixels`} */
  readonly height?: number;
  /** About how many pixels in all where neither side is given. */
  readonly pixels: number;
  /** A side that is not given becomes a multiple of this. */
  readonly multipleOf: number;
}

/** Reads the bytes of a PNG, JPEG or WebP file. */
export type ImageDecoder = (file: Uint8Array, fit: ImageFit) => Promise<Image>;

/** A finished picture. */
export interface GeneratedImage extends Image {
  /** How it was made. */
  readonly parameters: GenerationParameters;
  /** The bytes of a file, which carries the parameters as text, in A1111's convention. */
  encode(format: ImageFormat, options?: EncodeImageOptions): Promise<Uint8Array>;
}

/** The state of a run after one step of its sampler. */
export interface GenerationStep extends SamplerStep {
  /** A rough picture a row, straight from the latent: costs next to nothing. */
  preview(): Image[];
  /** The pictures as they are now, decoded by the model's tiny autoencoder if it has one, else by its VAE. */
  decode(): Promise<Image[]>;
}

/** Milliseconds spent in each phase. `load` is what this run had to load first. */
export interface GenerationTimes {
  /** Loading parts. */
  readonly load: number;
  /** Prompts and given pictures to conditioning and latents. */
  readonly encode: number;
  /** The sampler's steps. */
  readonly denoise: number;
  /** Latents to pictures. */
  readonly decode: number;
  /** All of it, waiting for earlier calls left out. */
  readonly total: number;
}

/** A finished run. */
export interface Generation {
  /** One picture a row. */
  readonly images: readonly GeneratedImage[];
  /** The clean latents `[rows, channels, height / 8, width / 8]`. */
  readonly latents: Latent;
  /** Where the time went. */
  readonly milliseconds: GenerationTimes;
}
