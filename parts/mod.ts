/**
 * From a model's files to its parts, whatever their layout.
 *
 * @module
 */
export * from "./apple.ts";
export * from "./checkpoint.ts";
export * from "./control.ts";
export * from "./diffusers.ts";
export * from "./graph_model.ts";
export * from "./model_folder.ts";
export * from "./onnx.ts";
export * from "./open_model.ts";
export * from "./open_options.ts";
export * from "./text_encoder.ts";
export * from "./textual_inversion.ts";
export * from "./unet.ts";
export * from "./vae.ts";
