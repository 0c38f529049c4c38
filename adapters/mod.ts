/**
 * LoRA: read, merge into weights or into ONNX models, or swap while a model stays loaded.
 *
 * @example
 * ```ts ignore
 * import { mergeLora } from "@mobile-diffusion/sdk/adapters";
 *
 * const merged = mergeLora(weights, "unet", [{ lora, scale: 0.8 }]);
 * ```
 *
 * @module
 */
export * from "./hot_lora_inputs.ts";
export * from "./lora.ts";
export * from "./lora_hook.ts";
export * from "./lora_modules.ts";
export * from "./merge_lora.ts";
export * from "./merge_lora_into_onnx.ts";
export * from "./model_loras.ts";
export * from "./read_lora.ts";
