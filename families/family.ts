/**
 * What is known of a family of models. A new family is one value of this type: the rest of the SDK does not know which
 * family it serves.
 *
 * @module
 */
import type { Model } from "../core/model.ts";
import type { Weights } from "../weights/weights.ts";
import type { Components } from "./components.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** A network found in a single file. */
export interface SplitNetwork {
  /** Its `config.json`, told from shapes. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Its tensors under diffusers' names; disposing them does nothing. */
  readonly weights: Weights;
}

/** A single file taken apart. */
export interface SplitFile {
  /** Networks by their roles. */
  readonly networks: Readonly<Record<string, SplitNetwork>>;
  /** What it says about schedule and prediction, as fields of {@linkcode Components}. */
  readonly said: Pick<Components, "scheduler" | "predictionType" | "trainedClipSkip">;
  /** Fields that a tokenizer's `special_tokens_map.json` has, where the files bring none. */
  readonly specialTokens?: Readonly<Record<string, string>>;
}

/** A family of models. */
export interface Family {
  /** Its name, as "Stable Diffusion"; also what the option `family` takes. */
  readonly name: string;
  /** Which models are of it, for messages. */
  readonly covers: string;
  /**
   * Whether a model is of this family, by names and configurations.
   *
   * @returns What says so, or `undefined`.
   */
  recognises(files: Components): { readonly because: string } | undefined;
  /**
   * Makes a model of the files. Configurations are checked now, weights read when a part is first needed.
   *
   * @throws {UnsupportedModelError} If something of it is not supported.
   * @throws {TypeError} If something is missing or malformed.
   */
  open(files: Components, options: OpenModelOptions): Promise<Model>;
  /** How single files of this family name their tensors; absent where there are none. */
  readonly singleFile?: {
    /** Whether a file with these tensors is one. */
    is(names: ReadonlySet<string>): boolean;
    /** Takes one apart. Only shapes are read. */
    split(weights: Weights, options: Pick<OpenModelOptions, "checkpoint">): SplitFile;
  };
}
