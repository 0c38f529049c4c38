/**
 * The element types of weights and their sizes.
 *
 * @module
 */
import type { WeightDtype } from "./weights.ts";

const sizes: Readonly<Record<WeightDtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** All element types that the safetensors format and this SDK know. */
export const weightDtypes: readonly WeightDtype[] = Object.keys(sizes) as WeightDtype[];

/** Whether a name is that of an element type. */
export function isWeightDtype(name: unknown): name is WeightDtype {
  return typeof name === "string" && Object.hasOwn(sizes, name);
}

/** Whether elements of this type are fractions: those that conversion and quantisation may touch. */
export function isFloat(dtype: WeightDtype): boolean {
  return dtype.startsWith("F") || dtype === "BF16";
}

/** Size of one element in bytes. */
export function elementSize(dtype: WeightDtype): number {
  return sizes[dtype];
}

/**
 * Size of a tensor in bytes, or `undefined` where it is beyond the integers that a number can hold.
 *
 * @example
 * ```ts
 * import { byteSize } from "@mobile-diffusion/sdk/weights";
 * console.log(byteSize("BF16", [320, 4, 3, 3])); // 23040
 * ```
 */
export function byteSize(dtype: WeightDtype, shape: readonly number[]): number | undefined {
  let size = elementSize(dtype);
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}
