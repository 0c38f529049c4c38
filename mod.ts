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
export type * from "./backends/backend.ts";
export type { ModelPrecision, PartPrecisions, Precision, PrecisionName } from "./backends/precision.ts";
export * from "./core/mod.ts";
export * from "./schedules/mod.ts";
export { localFolder, memoryFolder, type ModelFolder } from "./weights/model_folder.ts";
export {
  type BackendName,
  createPipeline,
  type CreatePipelineOptions,
  openModel,
} from "./presets/create_pipeline.ts";
export { readPictureRequest } from "./presets/records/read_picture_request.ts";
export type { PictureRequest, Remark, RequestOptions } from "./presets/records/request.ts";
export type { OpenFolderOptions } from "./presets/open_model.ts";
