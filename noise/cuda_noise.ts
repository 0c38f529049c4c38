/**
 * The normal numbers of PyTorch's CUDA generator, which most pictures of AUTOMATIC1111's web UI were made with, drawn
 * on the host.
 *
 * @module
 */
import type { Noise } from "../core/noise.ts";
import { philox } from "./_philox.ts";
import { sizeOf } from "../core/tensor.ts";

/** `CURAND_2POW32_INV` and `CURAND_2POW32_INV_2PI`, in float32 as CUDA has them. */
const UNIT = Math.fround(2 ** -32);
const TURN = Math.fround(2 ** -32 * 2 * Math.PI);

/**
 * Noise as `torch.randn` draws it with a CUDA generator that was given this seed: element i of draw n is the first
 * normal number of cuRAND's Philox 4×32-10 at counter (n, 0, i, 0), by Box & Muller's transform. That is what CUDA
 * does for tensors of up to as many elements as the card runs threads at once, a hundred thousand or more; the card's
 * own sines and logarithms round to float32, so that it agrees to about 1e-6.
 *
 * @param seed A whole number, 0 … 2⁵³ − 1; all of its bits count, unlike in {@linkcode torchNoise}.
 * @throws {RangeError} If the seed is anything else.
 *
 * @example
 * ```ts
 * import { cudaNoise } from "@mobile-diffusion/sdk/noise";
 * cudaNoise(0).normal([3, 4]).data[0]; // -0.9246…
 * ```
 */
export function cudaNoise(seed: number): Noise {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed noise with ${seed}: expected a whole number from 0 to 2^53 - 1.`);
  }
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
  let draw = 0;
  return {
    normal(shape) {
      const data = Float32Array.from(
        { length: sizeOf(shape) },
        (_, i) => normal(philox([draw, 0, i, 0], key)),
      );
      draw++;
      return { data, shape };
    },
  };
}

function normal([x, y]: readonly [number, number, ...number[]]): number {
  const u = x * UNIT + UNIT / 2;
  const angle = y * TURN + TURN / 2;
  return Math.sqrt(-2 * Math.log(u)) * Math.sin(angle);
}
