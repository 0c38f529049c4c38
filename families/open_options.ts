/**
 * What one may say when a model is opened, whatever its layout.
 *
 * @module
 */
import type { LoraPorts, WeightAdapter } from "../adapters/mod.ts";
import type { Backend } from "../backends/backend.ts";
import type { ModelPrecision } from "../backends/precision.ts";
import type { PredictionType } from "../core/schedule.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { XlCheckpointOptions } from "../weights/checkpoint_xl.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import type { TextualInversion } from "../parts/textual_inversion.ts";

/** Options of {@linkcode openModelFolder} and of what it chooses from. */
export interface OpenModelOptions {
  /** What runs the networks. */
  readonly backend: Backend;
  /**
   * How the networks are held and computed: a short name, weights and activations apart, or one of both for each part.
   * @default {"float32"; ONNX and Core ML models as they were exported}
   */
  readonly dtype?: ModelPrecision;
  /** Which of several weight files to take, as `"fp16"`; folders of a model that lack it are opened as they are. */
  readonly variant?: string;
  /**
   * The VAE to take in place of the model's: the name of a folder or file in the model, or the path of a diffusers folder
   * or of a single `.safetensors` or `.gguf` file, tiny VAEs included.
   * @default {"vae", else "vae_tiny" or "taesd"; NAME.vae.safetensors beside a checkpoint NAME.safetensors}
   */
  readonly vae?: string;
  /** The UNet to take in place of the model's, likewise. @default {the model's} */
  readonly unet?: string;
  /** The text encoder to take in place of the model's, likewise. @default {the model's} */
  readonly textEncoder?: string;
  /**
   * Side of the tiles, in picture pixels, in which the VAE works on pictures larger than them: needs less memory and
   * is a little different at the seams, which overlap by a quarter and are blended. A multiple of 32; 512 is usual.
   * @default {512 where the whole would not fit into a backend's known memory, as the 4 GiB of WASM; else no tiles}
   */
  readonly tile?: number;
  /**
   * Tokenizer where the model has none, as single files: a folder, or its path, with CLIP's `vocab.json` and
   * `merges.txt`.
   */
  readonly tokenizer?: string | ModelFolder | TokenizerFiles;
  /** What the UNet predicts, where the model does not say, as single files of 2.x. @default {what the model says} */
  readonly predictionType?: PredictionType;
  /** Fields of configurations that the shapes in a single file do not tell, where they are not the usual ones. */
  readonly checkpoint?: XlCheckpointOptions;
  /** New words for prompts. @default {[]} */
  readonly inversions?: readonly TextualInversion[];
  /** Loads the networks with ports, so that LoRAs are swapped without loading again. @default {none: they are merged} */
  readonly loraPorts?: LoraPorts;
  /** Kinds of weight adapters beside those that are known, for files of LoRAs. @default {[]} */
  readonly adapters?: readonly WeightAdapter[];
}
