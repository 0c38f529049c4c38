/**
 * What runs the networks: the contract, and the backends of this package.
 *
 * @module
 */
export type * from "./backend.ts";
export { auto, type AutoOptions } from "./auto.ts";
export { checkMemory, type CheckMemoryOptions, estimateMemory, type MemoryEstimate } from "./memory_plan.ts";
export { native, type NativeOptions } from "./native.ts";
export {
  checkPrecision,
  type ModelPrecision,
  type PartPrecisions,
  type Precision,
  PRECISION_NAMES,
  type PrecisionClaim,
  type PrecisionName,
  precisionName,
  precisionOf,
} from "./precision.ts";
export { wasm, type WasmOptions } from "./wasm.ts";
export { webgpu, type WebGpuOptions } from "./webgpu.ts";
