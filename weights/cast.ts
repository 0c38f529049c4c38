/**
 * Weights in another floating-point type.
 *
 * @module
 */
import { readFloat16, readFloat32 } from "./read_float.ts";
import { isFloat } from "./dtype.ts";
import { overrideWeights } from "./override.ts";
import type { Weights } from "./weights.ts";

/**
 * A view of weights whose floating-point tensors are all of one type, converted when they are read; integers
 * and encoded tensors stay. Tensors that have the type already keep their place on disk. Disposing the view disposes `weights`.
 *
 * @param dtype The type wanted. Conversion to F16 rounds to nearest, halves to even.
 *
 * @example
 * ```ts
 * import { castWeights, memoryWeights, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = { dtype: "BF16", shape: [1], data: new Uint16Array([0x3f80]) } as const;
 * const wide = castWeights(memoryWeights({ bias }), "F32");
 * console.log(wide.info("bias")); // { dtype: "F32", shape: [ 1 ], byteLength: 4 }
 * ```
 */
export function castWeights(weights: Weights, dtype: "F32" | "F16"): Weights {
  const read = dtype === "F32" ? readFloat32 : readFloat16;
  const converted = [...weights.names()].flatMap((name) => {
    const info = weights.info(name)!;
    if (info.encoding !== undefined || !isFloat(info.dtype) || info.dtype === dtype) return [];
    const computed = {
      dtype,
      shape: info.shape,
      read: async () => new Uint8Array((await read(weights, name)).buffer),
    };
    return [[name, computed] as const];
  });
  return overrideWeights(weights, new Map(converted));
}
