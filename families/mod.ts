/**
 * Families of models: what is known of each stands in one value.
 *
 * @module
 */
export * from "./choose.ts";
export * from "./components.ts";
export type * from "./family.ts";
export type * from "./open_options.ts";
export * from "./stable_diffusion.ts";
export * from "./stable_diffusion_xl.ts";
