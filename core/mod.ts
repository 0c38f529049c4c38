/**
 * The contracts and the small pure pieces that everything else builds on.
 *
 * @module
 */
export * from "./cuda_noise.ts";
export * from "./errors.ts";
export type { ControlInput, GenerateOptions } from "./generate_options.ts";
export type * from "./generation.ts";
export * from "./guidance.ts";
export * from "./image.ts";
export * from "./lazy_part.ts";
export * from "./model.ts";
export type * from "./noise.ts";
export * from "./parameterisation.ts";
export type * from "./parts.ts";
export * from "./pipeline.ts";
export type {
  Fingerprint,
  ModelOrigin,
  PictureSources,
  UsedControl,
  UsedFile,
  UsedLora,
} from "./picture_sources.ts";
export * from "./preview.ts";
export * from "./queue.ts";
export * from "./run_sampler.ts";
export type * from "./sampler.ts";
export * from "./schedule.ts";
export * from "./tensor.ts";
export type * from "./tokenizer.ts";
export type { RunSizes, ToldSizes } from "./told_sizes.ts";
export * from "./torch_noise.ts";
