/**
 * The contracts, and the small pure pieces that everything else builds on.
 *
 * @module
 */
export * from "./errors.ts";
export * from "./guidance.ts";
export * from "./image.ts";
export * from "./lazy_part.ts";
export * from "./model.ts";
export type * from "./model_origin.ts";
export type * from "./noise.ts";
export * from "./parameterisation.ts";
export type * from "./parts.ts";
export * from "./queue.ts";
export type * from "./sampler.ts";
export * from "./schedule.ts";
export * from "./tensor.ts";
export type * from "./tokenizer.ts";
export type { RunSizes, ToldSizes } from "./told_sizes.ts";
