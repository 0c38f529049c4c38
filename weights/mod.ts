/**
 * Weights: reading and writing safetensors, and seeing tensors under other names, types and values.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, memoryWeights, openSafetensors, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = { dtype: "F16", shape: [2], data: new Uint16Array([0x3c00, 0xc000]) } as const;
 * await using file = await openSafetensors(await encodeSafetensors(memoryWeights({ bias })));
 * console.log(await readFloat32(file, "bias")); // [ 1, -2 ]
 * ```
 *
 * @module
 */
export type { PredictionType } from "../core/schedule.ts";
export * from "./cast.ts";
export * from "./checkpoint.ts";
export * from "./checkpoint_config.ts";
export * from "./checkpoint_map.ts";
export * from "./checkpoint_xl.ts";
export * from "./convert.ts";
export * from "./dtype.ts";
export * from "./encoding.ts";
export * from "./gguf.ts";
export * from "./legacy_attention.ts";
export * from "./memory.ts";
export * from "./network_file.ts";
export * from "./model_folder.ts";
export * from "./open_weights.ts";
export * from "./override.ts";
export * from "./quantise.ts";
export * from "./random_access.ts";
export * from "./read_float.ts";
export * from "./rename.ts";
export * from "./safetensors.ts";
export * from "./sharded.ts";
export * from "./weights.ts";
export * from "./weights_file.ts";
export * from "./weights_folder.ts";
export * from "./write_safetensors.ts";
