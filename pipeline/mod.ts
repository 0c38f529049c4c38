/**
 * Text to picture over the contracts of `./core`: encode, denoise, decode. Most get a {@linkcode Pipeline} from
 * `createPipeline`.
 *
 * @module
 */
export type { ControlInput, GenerateOptions } from "./generate_options.ts";
export type * from "./generation.ts";
export * from "./pipeline.ts";
export type { Fingerprint, PictureSources, UsedControl, UsedLora } from "./picture_sources.ts";
export * from "./preview.ts";
export * from "./run_sampler.ts";
