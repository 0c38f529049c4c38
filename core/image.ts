/**
 * Pictures: eight bits a channel for people, float tensors for networks.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

/** A picture: RGB, eight bits a channel, row-major from the top left. `data.length` is `3 · width · height`. */
export interface Image {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** Red, green, blue of every pixel. */
  readonly data: Uint8Array;
}

/** A picture that a user hands in: 8-bit, a tensor, or the bytes of a PNG, JPEG or WebP file. */
export type Picture = Image | Tensor | Uint8Array | Blob;

/** Pixels `[rows, 3, height, width]` in −1 … 1 to pictures, one a row; values outside are clamped. */
export function toImages(pixels: Tensor): Image[] {
  const [rows = 0, , height = 0, width = 0] = pixels.shape;
  const plane = height * width;
  return Array.from({ length: rows }, (_, row) => {
    const data = new Uint8Array(3 * plane);
    for (let channel = 0; channel < 3; channel++) {
      const offset = (row * 3 + channel) * plane;
      for (let i = 0; i < plane; i++) {
        const unit = Math.min(Math.max(pixels.data[offset + i]! / 2 + 0.5, 0), 1);
        data[3 * i + channel] = Math.round(unit * 255);
      }
    }
    return { width, height, data };
  });
}

/** A picture to pixels `[1, 3, height, width]` in −1 … 1. */
export function toPixels({ width, height, data }: Image): Tensor {
  const plane = height * width;
  const pixels = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < plane; i++) pixels[channel * plane + i] = data[3 * i + channel]! / 127.5 - 1;
  }
  return { data: pixels, shape: [1, 3, height, width] };
}
