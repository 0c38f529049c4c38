/**
 * What one may say when a model is opened, whatever its layout.
 *
 * @module
 */
import type { Backend, ComputeType } from "../backends/backend.ts";
import type { Tensor } from "../core/tensor.ts";
import type { PredictionType } from "../core/schedule.ts";
import type { LayerHook } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { Weights } from "../weights/weights.ts";
import type { ModelFolder } from "./model_folder.ts";
import type { TextualInversion } from "./textual_inversion.ts";

/** Options of {@linkcode openModelFolder} and of what it chooses from. */
export interface OpenModelOptions {
  /** What runs the networks. */
  readonly backend: Backend;
  /** Arithmetic. @default {"float32"} */
  readonly dtype?: ComputeType;
  /** Which of several weight files to take, as `"fp16"`. */
  readonly variant?: string;
  /** Folder of the VAE in the model. @default {"vae", else "vae_tiny" or "taesd"} */
  readonly vae?: string;
  /**
   * Side of the tiles, in picture pixels, in which the VAE works on pictures larger than them: needs less memory and
   * is a little different at the seams, which overlap by a quarter and are blended. A multiple of 32; 512 is usual.
   * @default {no tiles}
   */
  readonly tile?: number;
  /** Tokenizer where the model has none, as single files: a folder with CLIP's `vocab.json` and `merges.txt`. */
  readonly tokenizer?: ModelFolder | TokenizerFiles;
  /** What the UNet predicts, where the model does not say, as single files of 2.x. @default {what the model says} */
  readonly predictionType?: PredictionType;
  /** New words for prompts. @default {[]} */
  readonly inversions?: readonly TextualInversion[];
  /** Adapters of the networks (LoRA). */
  readonly adapter?: NetworkAdapter;
}

/** The networks that an adapter may change. */
export type AdapterTarget = "unet" | "textEncoder";

/** Something that changes networks of ours when they are loaded, or while they run. */
export interface NetworkAdapter {
  /** Changes weights as they are read. */
  weights?(weights: Weights, target: AdapterTarget): Weights;
  /** Adds ports to a network's layers. */
  hook?(target: AdapterTarget): LayerHook;
  /** Values of the ports that were added; asked for at every run. */
  inputs?(ports: readonly Value[], target: AdapterTarget): Readonly<Record<string, Tensor>>;
}
