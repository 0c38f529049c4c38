/**
 * Weights that are in memory already.
 *
 * @module
 */
import { missingTensor } from "./_missing.ts";
import { byteSize } from "./dtype.ts";
import type { WeightDtype, WeightEncoding, Weights } from "./weights.ts";

/** A tensor in memory. */
export interface MemoryTensor {
  /** Element type of `data`. */
  readonly dtype: WeightDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** The elements, row-major: a typed array of any kind. Only its bytes are looked at. */
  readonly data: ArrayBufferView;
  /** What the elements stand for, where they are codes. */
  readonly encoding?: WeightEncoding;
}

/**
 * Makes weights of tensors in memory. Nothing is copied until it is read.
 *
 * @throws {RangeError} If the data of a tensor does not fill its shape.
 *
 * @example
 * ```ts
 * import { memoryWeights } from "@mobile-diffusion/sdk/weights";
 *
 * const weights = memoryWeights({
 *   "conv_in.bias": { dtype: "F32", shape: [4], data: new Float32Array([1, 2, 3, 4]) },
 * });
 * console.log(weights.info("conv_in.bias")?.byteLength); // 16
 * ```
 */
export function memoryWeights(tensors: Readonly<Record<string, MemoryTensor>>): Weights {
  const held = new Map(Object.entries(tensors));
  for (const [name, { dtype, shape, data }] of held) {
    const wanted = byteSize(dtype, shape);
    if (data.byteLength !== wanted) {
      throw new RangeError(
        `Cannot hold tensor "${name}": ${dtype} [${shape}] takes ${wanted} bytes, but its data has ${data.byteLength}.`,
      );
    }
  }
  return {
    names: () => held.keys(),
    info(name) {
      const tensor = held.get(name);
      if (tensor === undefined) return undefined;
      const { data, ...info } = tensor;
      return { ...info, byteLength: data.byteLength };
    },
    // deno-lint-ignore require-await -- a missing tensor rejects, as with other weights
    async read(name) {
      const tensor = held.get(name);
      if (tensor === undefined) throw missingTensor(name);
      const { buffer, byteOffset, byteLength } = tensor.data;
      return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
