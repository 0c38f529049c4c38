/**
 * LoRA: read, merge into weights or into ONNX models, or swap while a model stays loaded.
 *
 * @example
 * ```ts
 * import { mergeLora, readLora } from "@mobile-diffusion/sdk/adapters";
 * import { memoryWeights, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * const tensor = (shape: number[], data: number[]) => ({ dtype: "F32", shape, data: Float32Array.from(data) }) as const;
 * const file = memoryWeights({
 *   "unet.conv_in.lora_A.weight": tensor([1, 2], [1, 2]),
 *   "unet.conv_in.lora_B.weight": tensor([2, 1], [3, 4]),
 * });
 * const lora = await readLora(file, { unet: new Map([["conv_in", [2, 2]]]) });
 * const weights = memoryWeights({ "conv_in.weight": tensor([2, 2], [0, 0, 0, 0]) });
 * const merged = mergeLora(weights, "unet", [{ lora, scale: 0.5 }]);
 * console.log(await readFloat32(merged, "conv_in.weight")); // [ 1.5, 3, 2, 4 ]
 * ```
 *
 * @module
 */
export * from "./hot_lora_inputs.ts";
export * from "./lora.ts";
export * from "./lora_ports.ts";
export * from "./lora_modules.ts";
export * from "./merge_lora.ts";
export * from "./merge_lora_into_onnx.ts";
export * from "./model_loras.ts";
export * from "./open_lora_file.ts";
export * from "./read_lora.ts";
export type * from "./weight_adapter.ts";
