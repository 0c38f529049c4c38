/**
 * A model at rest: which network has which configuration and which program, whatever the layout of its files.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import type { OnnxSource } from "../backends/backend.ts";
import { BASE } from "../core/model.ts";
import type { PredictionType } from "../core/schedule.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import type { Weights } from "../weights/weights.ts";

/** A network's bytes, in a form that a backend runs. */
export type Program =
  | {
    /** Weights for a graph of ours. */
    readonly kind: "weights";
    /** Opens them, under diffusers' names. */
    open(): Promise<Weights>;
  }
  | {
    /** Somebody's ONNX model. */
    readonly kind: "onnx";
    /** What a backend loads: its path on disk, or its bytes. */
    source(): Promise<OnnxSource>;
    /** Its bytes and those of the files that it names, the caller's to change. */
    bytes(): Promise<OnnxBytes>;
    /** The bytes of the model alone. */
    model(): Promise<Uint8Array>;
  }
  | {
    /** Core ML models: one, or the chunks of one in order. */
    readonly kind: "coreml";
    readonly paths: readonly string[];
  };

/** An ONNX model in memory. */
export interface OnnxBytes {
  /** The `.onnx` file. */
  readonly model: Uint8Array;
  /** The files that it names, by the names that it has for them. */
  readonly externalData: readonly { readonly location: string; readonly data: Uint8Array }[];
}

/**
 * The files of a model, read once. A role is the name that diffusers gives a network's folder: `unet`, `unet_ufogen`,
 * `text_encoder`, `vae`, …
 */
export interface Components {
  /** What to call the model. */
  readonly name: string;
  /** How its files are laid out, for messages. */
  readonly layout: string;
  /** Its `model_index.json`. */
  readonly index?: Json;
  /** Names of its networks. */
  readonly roles: ReadonlySet<string>;
  /** A network's `config.json`. */
  config(role: string): Json | undefined;
  /** A network's program; `undefined` where it has none. */
  program(role: string): Program | undefined;
  /**
   * A network's program.
   *
   * @throws {TypeError} If it has none; the message names the file that is missing.
   */
  need(role: string): Program;
  /** Its `scheduler_config.json`. */
  readonly scheduler?: Json;
  /** What the UNet predicts, where the weights tell. */
  readonly predictionType?: PredictionType;
  /** Layers of the text encoder that were left out in training, where the files say so. */
  readonly trainedClipSkip?: number;
  /**
   * The files of a tokenizer, the role being `tokenizer`, `tokenizer_2`, ….
   *
   * @throws {TypeError} If there is none.
   */
  tokenizer(role: string): Promise<TokenizerFiles>;
  /** The folder, which may hold controls and LoRAs of the model's own. */
  readonly folder?: ModelFolder;
}

/**
 * A network's configuration.
 *
 * @throws {TypeError} If it has none.
 */
export function needConfig(files: Components, role: string): Json {
  const config = files.config(role);
  if (config !== undefined) return config;
  throw new TypeError(`Cannot open the model "${files.name}": "${role}/config.json" is missing.`);
}

/** UNets by what they were trained for: `unet` is the ordinary one, `unet_ufogen` is for "ufogen", and so on. */
export function unetRoles(roles: Iterable<string>): ReadonlyMap<string, string> {
  const found = new Map([[BASE, "unet"]]);
  for (const role of roles) {
    const [, kind] = role.match(/^unet_(\w+)$/) ?? [];
    if (kind !== undefined) found.set(kind.replaceAll("_", "-"), role);
  }
  return found;
}
