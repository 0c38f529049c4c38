/**
 * The random numbers of PyTorch's CPU generator, so that a seed gives the same picture here as it does there.
 *
 * @module
 */
import { log, sinCos } from "./_float32_math.ts";
import { Mt19937 } from "./_mt19937.ts";
import type { Noise } from "../core/noise.ts";
import { concatRows, sizeOf } from "../core/tensor.ts";

/** From this many elements on, PyTorch fills a tensor in blocks of so many. */
const BLOCK = 16;

/**
 * `torch.Generator("cpu").manual_seed(seed)`: the same numbers in the same order as PyTorch on an x86-64 CPU with
 * AVX2. (Builds for other CPUs differ from that one, and so from this, by a float32 rounding here and there.)
 *
 * Normal numbers are made by Box & Muller's transform (1958) in two ways. Fewer than 16 are drawn in pairs, in
 * float64, and the unused half of a pair waits for the next small draw. From 16 on the tensor is filled with
 * float32 uniforms and each block of 16 is transformed in place, eight radii first and eight angles second; if
 * the size is no multiple of 16, the last 16 elements are drawn anew.
 *
 * @example
 * ```ts
 * import { TorchGenerator } from "@mobile-diffusion/sdk/noise";
 * const generator = new TorchGenerator(0);
 * console.log(generator.randn(2)); // 1.5409960746765137, -0.293428897857666
 * ```
 */
export class TorchGenerator {
  readonly #bits: Mt19937;
  #spare: number | undefined;

  /**
   * Seeds the generator.
   *
   * @param seed A whole number, 0 … 2⁵³ − 1. PyTorch's generator uses its low 32 bits only.
   * @throws {RangeError} If the seed is anything else.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Cannot seed noise with ${seed}: expected a whole number from 0 to 2^53 - 1.`);
    }
    this.#bits = new Mt19937(seed);
  }

  /** `torch.randn(size)`: standard normal numbers. */
  randn(size: number): Float32Array {
    if (size < BLOCK) return Float32Array.from({ length: size }, () => this.#normal());
    return fillNormal(this.rand(size), () => this.#uniform32(), boxMuller32);
  }

  /** `torch.randn(size, dtype=torch.float64)`. */
  randn64(size: number): Float64Array {
    if (size < BLOCK) return Float64Array.from({ length: size }, () => this.#normal());
    const uniforms = Float64Array.from({ length: size }, () => this.#uniform64());
    return fillNormal(uniforms, () => this.#uniform64(), boxMuller64);
  }

  /** `torch.rand(size)`: uniform numbers from 0 to 1, 1 excluded. */
  rand(size: number): Float32Array {
    return Float32Array.from({ length: size }, () => this.#uniform32());
  }

  /**
   * `torch.randint(0, high, [size])`.
   *
   * @throws {RangeError} If `high` is not a whole number from 1 to 2³¹.
   */
  randint(high: number, size: number): Int32Array {
    if (!Number.isInteger(high) || high < 1 || high > 2 ** 31) {
      throw new RangeError(`Cannot draw integers below ${high}: expected a whole number from 1 to 2^31.`);
    }
    return Int32Array.from({ length: size }, () => this.#bits.next() % high);
  }

  #uniform32(): number {
    return this.#bits.next() % 2 ** 24 / 2 ** 24;
  }

  #uniform64(): number {
    const high = this.#bits.next() % 2 ** 21;
    return (high * 2 ** 32 + this.#bits.next()) / 2 ** 53;
  }

  #normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.#uniform64();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform64()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Turns uniform numbers into normal ones, block by block, in place. */
function fillNormal<T extends Float32Array | Float64Array>(
  data: T,
  uniform: () => number,
  boxMuller: (u: number, v: number) => [number, number],
): T {
  const { length } = data;
  const transform = (start: number) => {
    for (let i = start; i < start + BLOCK / 2; i++) {
      [data[i], data[i + BLOCK / 2]] = boxMuller(1 - data[i]!, data[i + BLOCK / 2]!);
    }
  };
  for (let start = 0; start + BLOCK <= length; start += BLOCK) transform(start);
  if (length % BLOCK !== 0) {
    for (let i = length - BLOCK; i < length; i++) data[i] = uniform();
    transform(length - BLOCK);
  }
  return data;
}

const TWO_PI = Math.fround(2 * Math.PI);

function boxMuller32(u: number, v: number): [number, number] {
  const radius = Math.fround(Math.sqrt(-2 * log(u)));
  const [sin, cos] = sinCos(Math.fround(TWO_PI * v));
  return [radius * cos, radius * sin];
}

function boxMuller64(u: number, v: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(u));
  return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)];
}

/**
 * Noise as `torch.randn` with a CPU generator draws it, bit for bit. See {@linkcode TorchGenerator}.
 *
 * @param seed A whole number, 0 … 2⁵³ − 1.
 * @throws {RangeError} If the seed is anything else.
 *
 * @example
 * ```ts
 * import { torchNoise } from "@mobile-diffusion/sdk/noise";
 * const noise = torchNoise(42).normal([1, 4, 64, 64]); // the latents that diffusers starts from
 * ```
 */
export function torchNoise(seed: number): Noise {
  const generator = new TorchGenerator(seed);
  return { normal: (shape) => ({ data: generator.randn(sizeOf(shape)), shape }) };
}

/**
 * One stream for each row: row i of every draw comes from `noises[i]`. A batch of pictures made so is the same as
 * the pictures made one by one.
 *
 * @throws {RangeError} From a draw whose first dimension is not the number of streams.
 *
 * @example
 * ```ts
 * import { rowNoise, torchNoise } from "@mobile-diffusion/sdk/noise";
 * const noise = rowNoise([7, 8].map(torchNoise)).normal([2, 4, 64, 64]);
 * ```
 */
export function rowNoise(noises: readonly Noise[]): Noise {
  return {
    normal([rows, ...row]) {
      if (rows !== noises.length) {
        throw new RangeError(
          `Cannot draw noise for ${rows} rows: there are ${noises.length} streams, one a row.`,
        );
      }
      return concatRows(noises.map((noise) => noise.normal([1, ...row])));
    },
  };
}
