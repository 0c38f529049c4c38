/**
 * Random numbers that repeat those of other programs: PyTorch's CPU generator, and CUDA's.
 *
 * @example
 * ```ts
 * import { torchNoise } from "@mobile-diffusion/sdk/noise";
 * console.log(torchNoise(7).normal([1, 4, 8, 8]).shape); // as torch.randn(1, 4, 8, 8) with seed 7
 * ```
 *
 * @module
 */
export * from "./cuda_noise.ts";
export * from "./torch_noise.ts";
