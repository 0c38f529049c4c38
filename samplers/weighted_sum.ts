/**
 * The one operation on latents that samplers are made of.
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";

/**
 * Σ weight · tensor, element by element: summed in float64, rounded to float32 once. All shapes are equal.
 *
 * @throws {RangeError} If there is no term, or the tensors differ in size.
 *
 * @example
 * ```ts
 * import { weightedSum } from "@mobile-diffusion/sdk/samplers";
 * const x = { data: new Float32Array([1, 2]), shape: [2] };
 * const y = { data: new Float32Array([3, 4]), shape: [2] };
 * console.log(weightedSum([1, x], [0.5, y]).data); // 2.5, 4
 * ```
 */
export function weightedSum(...terms: readonly (readonly [weight: number, tensor: Tensor])[]): Tensor {
  const [first] = terms;
  if (first === undefined) throw new RangeError("Cannot sum: there is no term.");
  const [, { data: { length }, shape }] = first;
  const sum = new Float64Array(length);
  for (const [weight, { data }] of terms) {
    if (data.length !== length) {
      throw new RangeError(
        `Cannot sum tensors of ${length} and ${data.length} elements: expected equal shapes.`,
      );
    }
    for (let i = 0; i < length; i++) sum[i]! += weight * data[i]!;
  }
  return { data: new Float32Array(sum), shape };
}
