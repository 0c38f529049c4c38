/**
 * What Stable Diffusion XL (Podell et al. 2023, section 2.2) is told beside prompt and timestep.
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";
import { sinusoids } from "./sinusoids.ts";
import type { UnetArchitecture } from "./unet_config.ts";

/** Options of {@linkcode addedFeatures}. */
export interface AddedFeaturesOptions {
  /** Each row's text as one vector, `[rows, width]`. */
  readonly pooled: Tensor;
  /**
   * Each row's ids, in pixels: height and width of the original, top and left of the crop, height and width of the
   * target. The refiner takes the aesthetic score in place of the last two.
   */
  readonly ids: readonly (readonly number[])[];
}

/**
 * A UNet's input `added_features` `[rows, added.width]`: the text vector, then the sinusoids of each id. In float32 on
 * the host, because half precision cannot hold the phase of an id of some hundreds.
 *
 * @throws {RangeError} If the numbers of rows differ, or vector and ids do not make the UNet's width.
 * @throws {TypeError} If the UNet has no added embedding.
 *
 * @example
 * ```ts
 * import { addedFeatures } from "@mobile-diffusion/sdk/models";
 *
 * const architecture = { added: { width: 2816, idFeatures: 256 }, flipSinToCos: true, frequencyShift: 0 };
 * const pooled = { data: new Float32Array(1280), shape: [1, 1280] };
 * console.log(addedFeatures(architecture, { pooled, ids: [[1024, 1024, 0, 0, 1024, 1024]] }).shape); // [ 1, 2816 ]
 * ```
 */
export function addedFeatures(
  { added, flipSinToCos, frequencyShift }: Pick<
    UnetArchitecture,
    "added" | "flipSinToCos" | "frequencyShift"
  >,
  { pooled, ids }: AddedFeaturesOptions,
): Tensor {
  if (added === undefined) {
    throw new TypeError(
      "Cannot make added features: the UNet has no added embedding, expected one that has.",
    );
  }
  const [rows, textWidth] = pooled.shape as [number, number];
  if (ids.length !== rows) {
    throw new RangeError(
      `Cannot make added features: there are ids for ${ids.length} rows, expected ${rows} as text vectors.`,
    );
  }
  const data = new Float32Array(rows * added.width);
  for (const [row, own] of ids.entries()) {
    const width = textWidth + own.length * added.idFeatures;
    if (width !== added.width) {
      throw new RangeError(
        `Cannot make added features: a text vector of ${textWidth} and ${own.length} ids of ${added.idFeatures} make ` +
          `${width} numbers, expected ${added.width}.`,
      );
    }
    data.set(pooled.data.subarray(row * textWidth, (row + 1) * textWidth), row * added.width);
    const features = sinusoids(own, { features: added.idFeatures, flipSinToCos, frequencyShift });
    data.set(features.data, row * added.width + textWidth);
  }
  return { data, shape: [rows, added.width] };
}
