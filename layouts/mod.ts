/**
 * Files at rest, in whatever layout, as the components of a model. No networks and no families are known here.
 *
 * @module
 */
export * from "./apple.ts";
export * from "./diffusers.ts";
export * from "./onnx.ts";
export * from "./read_components.ts";
export * from "./single_file.ts";
