/**
 * Masks: which part of a picture is to be painted anew.
 *
 * @module
 */
import type { Image } from "../core/image.ts";
import type { Tensor } from "../core/tensor.ts";
import { greyLevels } from "./_grey.ts";

/**
 * A picture as a mask `[1, 1, height, width]`: 1, paint anew, where it is at least half as light as white; 0,
 * keep, elsewhere.
 *
 * Source: diffusers' `VaeImageProcessor` with `do_binarize` and `do_convert_grayscale`.
 *
 * @example
 * ```ts
 * import { maskFrom } from "@mobile-diffusion/sdk/image";
 *
 * const half = { width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 255, 255, 255) };
 * maskFrom(half); // { data: Float32Array [0, 1], shape: [1, 1, 1, 2] }
 * ```
 */
export function maskFrom(image: Image): Tensor {
  const data = Float32Array.from(greyLevels(image), (level) => level / 255 >= 0.5 ? 1 : 0);
  return { data, shape: [1, 1, image.height, image.width] };
}

/**
 * A mask `[1, 1, H, W]` at the size of a latent, `[1, 1, height, width]`, by the nearest value above and to
 * the left.
 *
 * Source: `torch.nn.functional.interpolate` with its default mode, as diffusers' inpainting calls it.
 *
 * @example
 * ```ts
 * import { maskFrom, shrinkMask } from "@mobile-diffusion/sdk/image";
 *
 * const picture = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) };
 * shrinkMask(maskFrom(picture), { width: 8, height: 8 }).shape; // [1, 1, 8, 8]
 * ```
 * @throws {RangeError} If the mask is not `[1, 1, H, W]`, or a side is not an integer from 1.
 */
export function shrinkMask(mask: Tensor, size: { readonly width: number; readonly height: number }): Tensor {
  const { width, height } = size;
  const [rows, channels, maskHeight = 0, maskWidth = 0] = mask.shape;
  if (rows !== 1 || channels !== 1 || mask.data.length !== maskHeight * maskWidth) {
    throw new RangeError(
      `Cannot shrink the mask: its shape is [${mask.shape}], expected [1, 1, height, width].`,
    );
  }
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError(`Cannot shrink the mask to ${width} × ${height}: expected integers from 1.`);
  }
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = Math.floor(y * maskHeight / height) * maskWidth;
    for (let x = 0; x < width; x++) {
      data[y * width + x] = mask.data[from + Math.floor(x * maskWidth / width)]!;
    }
  }
  return { data, shape: [1, 1, height, width] };
}
