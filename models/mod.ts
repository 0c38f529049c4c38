/**
 * Networks as data: from a configuration to a graph, one network a file.
 *
 * @module
 */
export * from "./added_features.ts";
export * from "./autoencoder_kl.ts";
export * from "./autoencoder_tiny.ts";
export * from "./clip_text.ts";
export * from "./control_plugin.ts";
export * from "./controlnet.ts";
export * from "./cost_table.ts";
export * from "./mobile_diffusion.ts";
export * from "./sinusoids.ts";
export * from "./t2i_adapter.ts";
export { unet, type UnetGraphOptions } from "./unet.ts";
export type { Json } from "../core/json.ts";
export * from "./unet_config.ts";
