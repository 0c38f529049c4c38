/**
 * A sampler as data. Each stands beside its factory.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";

/** What an option may be: a kind of value, or the list of its values. */
export type OptionKind = "number" | "boolean" | "numbers" | "sigmas" | readonly (string | number)[];

/** One sampler of the list. */
export interface SamplerEntry {
  /** Its name in code, on the command line and in picture files. */
  readonly name: string;
  /** Its names in A1111's web UI, in ComfyUI and in diffusers. Case, spaces, dashes and "++" for "pp" do not matter. */
  readonly aliases: readonly string[];
  /** Where it was described. */
  readonly paper: string;
  /** Network evaluations of a run of n steps: `perStep · n + extra`. */
  readonly evaluations: { readonly perStep: number; readonly extra: number };
  /** Which weights it is for: any, or those distilled for it. */
  readonly weights: "any" | "lcm" | "tcd" | "progressive-distillation" | "ufogen";
  /** Number of steps when nobody asks for one. */
  readonly steps: number;
  /** The options that its factory takes. */
  readonly options: Readonly<Record<string, OptionKind>>;
  /** Its factory, for options that fit `options`. */
  create(options: Readonly<Record<string, unknown>>): Sampler;
}
