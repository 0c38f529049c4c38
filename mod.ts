/**
 * Text to image on the device that the user already has.
 *
 * @example First picture
 * ```ts ignore
 * import { createPipeline } from "@mobile-diffusion/sdk";
 *
 * await using pipeline = await createPipeline({ model: "./stable-diffusion-v1-5" });
 * const { images } = await pipeline.generate({ prompt: "a red house under a yellow moon", seed: 7 });
 * await Deno.writeFile("house.png", await images[0]!.encode("png"));
 * ```
 *
 * @module
 */
export type { Backend, ComputeType } from "./backends/backend.ts";
export * from "./core/errors.ts";
export type * from "./core/generate_options.ts";
export type * from "./core/generation.ts";
export * from "./core/image.ts";
export * from "./core/lazy_part.ts";
export * from "./core/model.ts";
export type * from "./core/noise.ts";
export type * from "./core/parameterisation.ts";
export type * from "./core/parts.ts";
export * from "./core/pipeline.ts";
export type * from "./core/sampler.ts";
export * from "./core/schedule.ts";
export * from "./core/tensor.ts";
export type * from "./core/tokenizer.ts";
export { localFolder, memoryFolder, type ModelFolder } from "./parts/model_folder.ts";
export { createPipeline, type CreatePipelineOptions, openModel } from "./presets/create_pipeline.ts";
