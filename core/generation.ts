/**
 * What a run gives: a step at a time, then pictures.
 *
 * @module
 */
import type { Image } from "./image.ts";
import type { SamplerStep } from "./sampler.ts";
import type { Latent } from "./tensor.ts";

/** How a picture was made, enough to make it again. */
export interface GenerationParameters {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly model: string;
  readonly backend: string;
  readonly sampler: string;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  /** Present where the run began with a picture. */
  readonly strength?: number;
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

/** A finished picture. */
export interface GeneratedImage extends Image {
  /** How it was made. */
  readonly parameters: GenerationParameters;
  /** The bytes of a file; PNG carries the parameters as text, in A1111's convention. */
  encode(format: ImageFormat, options?: EncodeImageOptions): Promise<Uint8Array>;
}

/** The state of a run after one step of its sampler. */
export interface GenerationStep extends SamplerStep {
  /** A rough picture a row, straight from the latent: costs next to nothing. */
  preview(): Image[];
  /** The pictures as the VAE decodes them now. */
  decode(): Promise<Image[]>;
}

/** Milliseconds spent in each phase. `load` is what this run had to load first. */
export interface GenerationTimes {
  readonly load: number;
  readonly encode: number;
  readonly denoise: number;
  readonly decode: number;
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
