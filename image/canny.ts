/**
 * Edges of a photograph, as condition images for ControlNet and the plugin have them.
 *
 * @module
 */
import type { Image } from "../core/image.ts";
import { gaussianBlur } from "./_blur.ts";

/** What counts as an edge. */
export interface CannyOptions {
  /**
   * An edge goes on while the gradient is above this. The gradient is |dx| + |dy| by Sobel on 8 bits: 0 …
   * 2040.
   *
   * @default {100}
   */
  readonly low?: number;
  /**
   * An edge begins where the gradient is above this.
   *
   * @default {200}
   */
  readonly high?: number;
  /**
   * Standard deviation of a Gaussian blur before, in pixels; 0 is none, as OpenCV's `Canny` has none.
   *
   * @default {0}
   */
  readonly blur?: number;
}

/** What a pixel may become: nothing, an edge if it touches one, an edge. */
const [none, candidate, edge] = [0, 1, 2];

/** tan 22.5° in the fixed point that OpenCV uses, so that ties fall the same way. */
const tan22 = 13_573;

/**
 * Canny's edges, white on black. Of each pixel's three gradients the largest counts.
 *
 * Source: J. Canny, "A Computational Approach to Edge Detection" (1986), with the conventions of OpenCV's
 * `Canny`.
 *
 * @example
 * ```ts
 * import { cannyEdges } from "@mobile-diffusion/sdk/image";
 *
 * const photo = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) };
 * const edges = cannyEdges(photo, { low: 100, high: 200 });
 * ```
 * @throws {RangeError} If `low` is above `high`, or one of them or `blur` is below 0.
 */
export function cannyEdges(image: Image, { low = 100, high = 200, blur = 0 }: CannyOptions = {}): Image {
  if (!(low >= 0 && high >= low && blur >= 0)) {
    throw new RangeError(
      `Cannot find edges: low is ${low}, high ${high}, blur ${blur}, expected 0 ≤ low ≤ high and 0 ≤ blur.`,
    );
  }
  const { width, height } = image;
  const gradient = sobel(blur > 0 ? gaussianBlur(image, blur) : image);
  const marks = thin(gradient, width, height, low, high);
  connect(marks, width);

  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    if (marks[i] === edge) data.fill(255, 3 * i, 3 * i + 3);
  }
  return { width, height, data };
}

/** Of every pixel: the differences across and down, and the sum of their absolutes. */
interface Gradient {
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  readonly magnitude: Int16Array;
}

/** Sobel's 3 × 3 differences; the border pixels are repeated outwards. */
function sobel({ width, height, data }: Image): Gradient {
  const dx = new Int16Array(width * height);
  const dy = new Int16Array(width * height);
  const magnitude = new Int16Array(width * height);
  for (let y = 0; y < height; y++) {
    const above = 3 * width * Math.max(y - 1, 0);
    const here = 3 * width * y;
    const below = 3 * width * Math.min(y + 1, height - 1);
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      for (let c = 0; c < 3; c++) {
        const left = 3 * Math.max(x - 1, 0) + c;
        const middle = 3 * x + c;
        const right = 3 * Math.min(x + 1, width - 1) + c;
        const falling = data[below + right]! - data[above + left]!;
        const rising = data[above + right]! - data[below + left]!;
        const across = falling + rising + 2 * (data[here + right]! - data[here + left]!);
        const down = falling - rising + 2 * (data[below + middle]! - data[above + middle]!);
        const sum = Math.abs(across) + Math.abs(down);
        if (c > 0 && sum <= magnitude[at]!) continue;
        dx[at] = across;
        dy[at] = down;
        magnitude[at] = sum;
      }
    }
  }
  return { dx, dy, magnitude };
}

/** Keeps what is largest across its edge; beyond the picture all is 0. */
function thin(
  { dx, dy, magnitude }: Gradient,
  width: number,
  height: number,
  low: number,
  high: number,
): Uint8Array {
  const marks = new Uint8Array(width * height).fill(none);
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : magnitude[y * width + x]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const m = magnitude[i]!;
      if (m <= low) continue;
      const across = Math.abs(dx[i]!);
      const down = Math.abs(dy[i]!) * 2 ** 15;
      let largest: boolean;
      if (down < across * tan22) largest = m > at(x - 1, y) && m >= at(x + 1, y);
      else if (down > across * (tan22 + 2 ** 16)) largest = m > at(x, y - 1) && m >= at(x, y + 1);
      else {
        const side = (dx[i]! ^ dy[i]!) < 0 ? -1 : 1;
        largest = m > at(x - side, y - 1) && m > at(x + side, y + 1);
      }
      if (largest) marks[i] = m > high ? edge : candidate;
    }
  }
  return marks;
}

/** Candidates that touch an edge, in eight directions, become edges, and so on. */
function connect(marks: Uint8Array, width: number): void {
  const height = marks.length / width;
  const open: number[] = [];
  marks.forEach((mark, i) => void (mark === edge && open.push(i)));
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
      for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
        const neighbour = row * width + column;
        if (marks[neighbour] !== candidate) continue;
        marks[neighbour] = edge;
        open.push(neighbour);
      }
    }
  }
}
