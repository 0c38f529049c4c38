/**
 * Large pictures piece by piece, as `enable_tiling` of diffusers does it: tiles overlap by a quarter, and each fades
 * over from those above and to the left of it.
 */
import { sizeOf, type Tensor } from "../core/tensor.ts";

/** How a picture is cut. */
export interface Tiling {
  /** Side of a tile of the input. */
  readonly tile: number;
  /** Pixels of the output for a pixel of the input, along a side: 8 for a decoder, 1/8 for an encoder. */
  readonly ratio: number;
}

/** Share of a tile that lies over its neighbour. */
const overlap = 1 / 4;

/**
 * Runs a network on tiles and joins what comes out.
 *
 * @param x `[rows, channels, height, width]`; run as a whole where it is no larger than a tile.
 */
export async function tiled(
  x: Tensor,
  { tile, ratio }: Tiling,
  run: (tile: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  const [rows, , height, width] = x.shape as [number, number, number, number];
  if (height <= tile && width <= tile) return await run(x);
  const step = tile * (1 - overlap);
  const fade = tile * ratio * overlap;
  let result: Tensor | undefined;
  let above: Tensor[] = [];
  for (let top = 0; top < height; top += step) {
    const row: Tensor[] = [];
    for (let left = 0; left < width; left += step) {
      const piece = await run(crop(x, top, left, tile));
      const own = { data: Float32Array.from(piece.data), shape: piece.shape };
      if (top > 0) fadeIn(above[row.length]!, own, fade, 2);
      if (left > 0) fadeIn(row.at(-1)!, own, fade, 3);
      row.push(own);
      result ??= zeros([rows, own.shape[1]!, height * ratio, width * ratio]);
      const [h, w] = own.shape.slice(2).map((size) => Math.min(size, step * ratio)) as [number, number];
      copy(own, [0, 0], result, [top * ratio, left * ratio], [h, w]);
    }
    above = row;
  }
  return result!;
}

type Place = readonly [y: number, x: number];

function crop(x: Tensor, top: number, left: number, tile: number): Tensor {
  const [rows, channels, height, width] = x.shape as [number, number, number, number];
  const size: Place = [Math.min(tile, height - top), Math.min(tile, width - left)];
  const piece = zeros([rows, channels, ...size]);
  copy(x, [top, left], piece, [0, 0], size);
  return piece;
}

/** The first `length` rows (axis 2) or columns (axis 3) of `next` begin as the last ones of `before`. */
function fadeIn(before: Tensor, next: Tensor, length: number, axis: 2 | 3): void {
  const extent = Math.min(before.shape[axis]!, next.shape[axis]!, length);
  const inner = axis === 2 ? next.shape[3]! : 1;
  const outer = sizeOf(next.shape.slice(0, axis));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < extent; i++) {
      const from = (o * before.shape[axis]! + before.shape[axis]! - extent + i) * inner;
      const to = (o * next.shape[axis]! + i) * inner;
      for (let k = 0; k < inner; k++) {
        next.data[to + k] = before.data[from + k]! * (1 - i / extent) + next.data[to + k]! * (i / extent);
      }
    }
  }
}

/** Copies a window of all planes. */
function copy(from: Tensor, [fromY, fromX]: Place, to: Tensor, [toY, toX]: Place, [h, w]: Place): void {
  const [rows, channels, fromHeight, fromWidth] = from.shape as [number, number, number, number];
  const [toHeight, toWidth] = to.shape.slice(2) as [number, number];
  for (let plane = 0; plane < rows * channels; plane++) {
    for (let y = 0; y < h; y++) {
      const start = (plane * fromHeight + fromY + y) * fromWidth + fromX;
      to.data.set(from.data.subarray(start, start + w), (plane * toHeight + toY + y) * toWidth + toX);
    }
  }
}

function zeros(shape: readonly number[]): Tensor {
  return { data: new Float32Array(sizeOf(shape)), shape };
}
