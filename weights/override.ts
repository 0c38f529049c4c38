/**
 * Weights of which some tensors are computed: the ground under merged adapters and quantised models.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { byteSize } from "./dtype.ts";
import type { WeightDtype, WeightEncoding, Weights } from "./weights.ts";

/** A tensor that is computed whenever it is read. */
export interface ComputedTensor {
  /** Element type of the bytes that `read` gives. */
  readonly dtype: WeightDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** What the elements stand for, where they are codes. */
  readonly encoding?: WeightEncoding;
  /** Computes the bytes, little-endian. They are the caller's to change. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A view of weights in which some tensors are replaced, or joined, by computed ones. The computed ones have
 * no place on disk. Disposing the view disposes `weights`.
 *
 * @param computed Computed tensors by name. New names come after those of `weights`.
 *
 * @example
 * ```ts
 * import { memoryWeights, overrideWeights, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * const base = memoryWeights({ bias: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } });
 * const doubled = overrideWeights(base, new Map([["bias", {
 *   dtype: "F32",
 *   shape: [2],
 *   read: async () => new Uint8Array((await readFloat32(base, "bias")).map((value) => 2 * value).buffer),
 * }]]));
 * console.log(await readFloat32(doubled, "bias")); // [ 2, 4 ]
 * ```
 */
export function overrideWeights(weights: Weights, computed: ReadonlyMap<string, ComputedTensor>): Weights {
  return {
    names: () => new Set([...weights.names(), ...computed.keys()]),
    info(name) {
      const tensor = computed.get(name);
      if (tensor === undefined) return weights.info(name);
      const { read: _, ...info } = tensor;
      return { ...info, byteLength: sizeInBytes(name, tensor) };
    },
    async read(name) {
      const tensor = computed.get(name);
      if (tensor === undefined) return await weights.read(name);
      const bytes = await tensor.read();
      const wanted = sizeInBytes(name, tensor);
      if (bytes.length !== wanted) {
        throw new WeightsError(
          `Cannot compute tensor "${name}": got ${bytes.length} bytes, expected ${wanted}.`,
        );
      }
      return bytes;
    },
    [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose](),
  };
}

function sizeInBytes(name: string, { dtype, shape }: ComputedTensor): number {
  const size = byteSize(dtype, shape);
  if (size === undefined) {
    throw new RangeError(`Cannot compute tensor "${name}": ${dtype} [${shape}] is too large.`);
  }
  return size;
}
