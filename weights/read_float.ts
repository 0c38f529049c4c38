/**
 * A tensor's values, whatever they are stored as.
 *
 * @module
 */
import { decode } from "./_decode.ts";
import { missingTensor } from "./_missing.ts";
import { toFloat16, toFloat32 } from "./convert.ts";
import type { Weights } from "./weights.ts";

/**
 * Reads a tensor as float32, whatever it is stored as; of an encoded one, the values and not the codes.
 *
 * @throws {WeightsError} If there is no such tensor or it cannot be read.
 *
 * @example
 * ```ts
 * import { memoryWeights, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * const scale = { dtype: "F16", shape: [2], data: new Uint16Array([0x3c00, 0x4000]) } as const;
 * const weights = memoryWeights({ scale });
 * console.log(await readFloat32(weights, "scale")); // [ 1, 2 ]
 * ```
 */
export async function readFloat32(weights: Weights, name: string): Promise<Float32Array<ArrayBuffer>> {
  const info = weights.info(name);
  if (info === undefined) throw missingTensor(name);
  const bytes = await weights.read(name);
  return info.encoding === undefined ? toFloat32(bytes, info.dtype) : await decode(name, info, bytes);
}

/**
 * Reads a tensor as the bits of float16, whatever it is stored as; see {@linkcode toFloat16} for the
 * rounding.
 *
 * @throws {WeightsError} If there is no such tensor or it cannot be read.
 *
 * @example
 * ```ts
 * import { memoryWeights, readFloat16 } from "@mobile-diffusion/sdk/weights";
 *
 * const weights = memoryWeights({ scale: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } });
 * console.log(await readFloat16(weights, "scale")); // [ 0x3c00, 0x4000 ]
 * ```
 */
export async function readFloat16(weights: Weights, name: string): Promise<Uint16Array<ArrayBuffer>> {
  const info = weights.info(name);
  if (info?.dtype !== "F16" || info.encoding !== undefined) {
    return toFloat16(await readFloat32(weights, name));
  }
  const bytes = await weights.read(name);
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(buffer, byteOffset, length / 2);
}
