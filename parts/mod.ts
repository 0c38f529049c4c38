/**
 * From a model's files to its parts, whatever their layout.
 *
 * @module
 */
export * from "./control.ts";
export * from "./text_encoder.ts";
export * from "./textual_inversion.ts";
export * from "./unet.ts";
export * from "./vae.ts";
