/**
 * A model: the parts of one diffusion model with the numbers that belong to them.
 *
 * @module
 */
import type { Guidance, GuidanceOptions } from "./guidance.ts";
import type { LazyPart } from "./lazy_part.ts";
import type { Control, TextEncoder, Unet, UnetTraits, Vae } from "./parts.ts";
import type { ModelOrigin } from "./model_origin.ts";
import type { Sampler } from "./sampler.ts";
import type { Schedule } from "./schedule.ts";

/** The kind of ordinary weights, which every sampler without `needs` runs on. */
export const BASE = "base";

/** One of a model's UNets. How it is called is known before it is loaded. */
export interface ModelUnet {
  /** How it is called. */
  readonly traits: UnetTraits;
  /** The network. */
  readonly part: LazyPart<Unet>;
}

/** Sizes of a picture in pixels. */
export interface PictureSize {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
}

/** What a pipeline is made of. Parts may come from anywhere: a folder, another backend, your own code. */
export interface Model {
  /** What the user calls it. */
  readonly name: string;
  /** Name of the backend that runs it, for reports. */
  readonly backend: string;
  /** Prompts to conditioning. */
  readonly textEncoder: LazyPart<TextEncoder>;
  /** UNets by what they were trained for: {@linkcode BASE}, or a sampler's `needs`. */
  readonly unets: ReadonlyMap<string, ModelUnet>;
  /** Latents to pictures and back. */
  readonly vae: LazyPart<Vae>;
  /** A tiny autoencoder for previews, where the model has one beside its VAE. */
  readonly previewVae?: LazyPart<Pick<Vae, "decode">>;
  /** The noise schedule of a picture of this size in pixels; one for all sizes but where the shift of a flow depends on it. */
  schedule(size: PictureSize): Schedule;
  /** The sampler when the caller names none. */
  readonly sampler: Sampler;
  /** The guidance scale when neither the caller nor the sampler says. */
  readonly guidanceScale: number;
  /** Layers of the text encoder that were left out in training, where its files say so; nobody leaves them out unasked. */
  readonly trainedClipSkip?: number;
  /** Which passes a step takes and how they become one. @default {classifier-free guidance} */
  readonly guidance?: (options: GuidanceOptions) => Guidance;
  /** Options of a run that not every model knows what to do with; a run with others of them is refused. @default {[]} */
  readonly takes?: readonly OptionOfSome[];
  /** Side of the pictures that it was trained on, in pixels. */
  readonly size: number;
  /** Pixels that a latent pixel stands for; widths and heights are multiples of it. */
  readonly scale: number;
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Row by row, what each latent channel adds to red, green and blue, with a constant last: for cheap previews. */
  readonly latentToRgb?: readonly (readonly [number, number, number])[];
  /** Finds a control by name; the same name gives the same part. Absent where the model takes none. */
  readonly openControl?: (source: string) => LazyPart<Control>;
  /**
   * Puts these LoRAs in place of the present ones, for all runs to come.
   *
   * @param onWarning Told what a file leaves open, and what is assumed.
   * @returns Keys of the files that belong to no module of the model; without `strict: false` they are an error.
   */
  readonly setLoras?: (
    loras: readonly LoraInput[],
    onWarning?: (message: string) => void,
  ) => Promise<string[]>;
  /** Where it came from, for the record that its pictures carry. */
  readonly origin?: ModelOrigin;
}

/** Options of a run that are for models with two text encoders, or that are told sizes. */
export type OptionOfSome = "prompt2" | "negativePrompt2" | "sizes";

/** A LoRA to use. */
export interface LoraInput {
  /** Path of a safetensors file, its bytes, or the name of one that the model carries (`lora_<name>/` in its folder). */
  readonly source: string | Uint8Array | Blob;
  /**
   * How much of it, for all networks or for each; may be negative. A second text encoder takes the first one's where it
   * has none of its own.
   * @default {1}
   */
  readonly scale?: number | {
    readonly unet: number;
    readonly textEncoder: number;
    readonly textEncoder2?: number;
  };
  /** Whether keys that fit no module are an error. @default {true} */
  readonly strict?: boolean;
}
