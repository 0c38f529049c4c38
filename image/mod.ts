/**
 * Picture files in and out, and what is done to pictures before a network sees them.
 *
 * @module
 */
export * from "./decode_image.ts";
export * from "./encode_image.ts";
export { readPngText } from "./png_text.ts";
export * from "./parameters.ts";
export * from "./canny.ts";
export * from "./mask.ts";
export * from "./resize.ts";
