/**
 * The contracts and the small pure pieces that everything else builds on.
 *
 * @module
 */
export * from "../noise/cuda_noise.ts";
export * from "./errors.ts";
export type { ControlInput, GenerateOptions } from "../pipeline/generate_options.ts";
export type * from "../pipeline/generation.ts";
export * from "./guidance.ts";
export * from "./image.ts";
export * from "./lazy_part.ts";
export * from "./model.ts";
export type * from "./model_origin.ts";
export type * from "./noise.ts";
export * from "./parameterisation.ts";
export type * from "./parts.ts";
export * from "../pipeline/pipeline.ts";
export type { Fingerprint, PictureSources, UsedControl, UsedLora } from "../pipeline/picture_sources.ts";
export * from "../pipeline/preview.ts";
export * from "./queue.ts";
export * from "../pipeline/run_sampler.ts";
export type * from "./sampler.ts";
export * from "./schedule.ts";
export * from "./tensor.ts";
export type * from "./tokenizer.ts";
export type { RunSizes, ToldSizes } from "./told_sizes.ts";
export * from "../noise/torch_noise.ts";
