/**
 * Rough pictures straight from latents.
 *
 * @module
 */
import type { Image } from "../core/image.ts";
import type { Latent } from "../core/tensor.ts";

/** What the four channels of Stable Diffusion 1.x latents add to red, green and blue, then the constant. */
export const SD1_LATENT_TO_RGB: readonly (readonly [number, number, number])[] = [
  [0.298, 0.207, 0.208],
  [0.187, 0.286, 0.173],
  [-0.158, 0.189, 0.264],
  [-0.184, -0.271, -0.473],
  [0, 0, 0],
];

/** The same for the latents of Stable Diffusion XL, as ComfyUI has them. */
export const SDXL_LATENT_TO_RGB: typeof SD1_LATENT_TO_RGB = [
  [0.3651, 0.4232, 0.4341],
  [-0.2533, -0.0042, 0.1068],
  [0.1076, 0.1111, -0.0362],
  [-0.3165, -0.2492, -0.2188],
  [0.1084, -0.0175, -0.0011],
];

/** For latents that nobody has measured: the first three channels, of about unit variance, as colours. */
const ANY_LATENT_TO_RGB: typeof SD1_LATENT_TO_RGB = [[0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4]];

function defaultMap(channels: number): typeof SD1_LATENT_TO_RGB {
  return channels === 4 ? SD1_LATENT_TO_RGB : ANY_LATENT_TO_RGB;
}

/** One small picture a row, a pixel a latent pixel: a linear map from channels to colours in −1 … 1. */
export function previewImages(
  latent: Latent,
  map: readonly (readonly [number, number, number])[] = defaultMap(latent.shape[1]!),
): Image[] {
  const [rows, channels, height, width] = latent.shape as [number, number, number, number];
  const plane = height * width;
  return Array.from({ length: rows }, (_, row) => {
    const data = Uint8Array.from({ length: 3 * plane }, (_, i) => {
      const [pixel, colour] = [Math.floor(i / 3), i % 3];
      let value = map[channels]?.[colour] ?? 0;
      for (let channel = 0; channel < channels; channel++) {
        value += (map[channel]?.[colour] ?? 0) * latent.data[(row * channels + channel) * plane + pixel]!;
      }
      return Math.round(Math.min(Math.max(value / 2 + 0.5, 0), 1) * 255);
    });
    return { width, height, data };
  });
}
