/**
 * From a model's files to its parts, whatever their layout.
 *
 * @module
 */
export * from "../families/stable_diffusion/apple.ts";
export * from "../layouts/single_file.ts";
export * from "./control.ts";
export * from "../layouts/diffusers.ts";
export * from "../families/stable_diffusion/graph.ts";
export * from "../weights/model_folder.ts";
export * from "../families/stable_diffusion/onnx.ts";
export * from "../presets/open_model.ts";
export * from "../families/open_options.ts";
export * from "./text_encoder.ts";
export * from "./textual_inversion.ts";
export * from "./unet.ts";
export * from "./vae.ts";
