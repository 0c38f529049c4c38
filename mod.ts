/**
 * Text to image on the device that the user already has.
 *
 * What a picture needs is here; what its types are made of has a place of its own: `./core` the contracts, `./samplers`,
 * `./schedules`, `./backends`, `./adapters`, `./image`, and so on.
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
export {
  type BackendName,
  createPipeline,
  type CreatePipelineOptions,
  type ModelProgress,
  openModel,
} from "./presets/create_pipeline.ts";
export { modelOf, type OwnParts } from "./presets/model_of.ts";
export type { OpenFolderOptions } from "./presets/open_model.ts";
export type { Pipeline } from "./pipeline/pipeline.ts";
export type { LoraInput, Model } from "./core/model.ts";
export type { ControlInput, GenerateOptions } from "./pipeline/generate_options.ts";
export type { GeneratedImage, Generation, GenerationStep } from "./pipeline/generation.ts";
export type { Image } from "./core/image.ts";
export type { TextEncoder, Unet, Vae } from "./core/parts.ts";
export type { Sampler } from "./core/sampler.ts";
export { BackendUnavailableError, UnsupportedModelError, WeightsError } from "./core/errors.ts";
export { localFolder, memoryFolder, type ModelFolder } from "./weights/model_folder.ts";
export type { Backend } from "./backends/backend.ts";
export { auto } from "./backends/auto.ts";
export { coreml } from "./backends/coreml.ts";
export { native } from "./backends/native.ts";
export { wasm } from "./backends/wasm.ts";
export { webgpu } from "./backends/webgpu.ts";
export { ddim } from "./samplers/ddim.ts";
export { progressiveDistillation } from "./samplers/progressive_distillation.ts";
export { ufogen } from "./samplers/ufogen.ts";
