/**
 * Picture files in and out, and what is done to pictures before a network sees them.
 *
 * @module
 */
export type { Image } from "../core/image.ts";
export type { Tensor, TensorData } from "../core/tensor.ts";
export * from "./canny.ts";
export * from "./contact_sheet.ts";
export * from "./decode_image.ts";
export * from "./encode_image.ts";
export * from "./mask.ts";
export * from "./parameters.ts";
export * from "./picture_text.ts";
export { readPngText } from "./png_text.ts";
export * from "./resize.ts";
