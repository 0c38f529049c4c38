/**
 * Models by name: downloaded once, checked, and kept where Hugging Face's programs keep them.
 *
 * @module
 */
export * from "./hub_error.ts";
export * from "./hub_options.ts";
export * from "./plan_download.ts";
export * from "./resolve_model.ts";
export * from "./resolve_model_blobs.ts";
