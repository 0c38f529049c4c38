/**
 * Pictures of another size.
 *
 * @module
 */
import type { Image } from "../core/image.ts";

/** How a picture is made another size. */
export interface ResizeOptions {
  /** Pixels across, from 1. */
  readonly width: number;
  /** Pixels down, from 1. */
  readonly height: number;
  /**
   * Where the proportions differ: `cover` cuts off what stands out on two sides, `contain` leaves white bars,
   * `stretch` distorts.
   *
   * @default {"cover"}
   */
  readonly fit?: "cover" | "contain" | "stretch";
  /**
   * The kernel: `area` averages, `bicubic` is Catmull–Rom, `lanczos` is the sharpest and what diffusers uses.
   *
   * @default {"lanczos"}
   */
  readonly filter?: "area" | "bicubic" | "lanczos";
}

/** A kernel and how far it reaches, in pixels of the smaller picture. */
interface Kernel {
  readonly reach: number;
  weigh(distance: number): number;
}

const kernels: Readonly<Record<"area" | "bicubic" | "lanczos", Kernel>> = {
  area: { reach: 0.5, weigh: (x) => x > -0.5 && x <= 0.5 ? 1 : 0 },
  bicubic: {
    reach: 2,
    weigh: (x) => {
      const [a, t] = [-0.5, Math.abs(x)];
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? ((t - 5) * t + 8) * t * a - 4 * a : 0;
    },
  },
  lanczos: { reach: 3, weigh: (x) => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0 },
};

/**
 * Resamples a picture. When it gets smaller the kernel gets wider, so that nothing flickers; the steps and
 * the rounding are Pillow's, whose results differ by 1 at most.
 *
 * @example
 * ```ts
 * import { resizeImage } from "@mobile-diffusion/sdk/image";
 *
 * const photo = { width: 4, height: 2, data: new Uint8Array(24).fill(200) };
 * resizeImage(photo, { width: 1, height: 1 }); // { width: 1, height: 1, data: [200, 200, 200] }
 * ```
 * @throws {RangeError} If a side is not an integer from 1.
 */
export function resizeImage(image: Image, options: ResizeOptions): Image {
  const { width, height, fit = "cover", filter = "lanczos" } = options;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1) {
      throw new RangeError(`Cannot resize the image to ${width} × ${height}: expected integers from 1.`);
    }
  }
  const kernel = kernels[filter];
  if (fit === "contain") return contain(image, width, height, kernel);
  const [across, down] = [width / image.width, height / image.height];
  const scale = Math.max(across, down);
  const box = fit === "stretch"
    ? { width: image.width, height: image.height }
    : { width: width / scale, height: height / scale };
  const columns = taps(image.width, (image.width - box.width) / 2, box.width, width, kernel);
  const rows = taps(image.height, (image.height - box.height) / 2, box.height, height, kernel);
  return { width, height, data: resampleRows(resampleColumns(image, columns), 3 * width, rows) };
}

function contain(image: Image, width: number, height: number, kernel: Kernel): Image {
  const scale = Math.min(width / image.width, height / image.height);
  const inner = {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  };
  const columns = taps(image.width, 0, image.width, inner.width, kernel);
  const rows = taps(image.height, 0, image.height, inner.height, kernel);
  const pixels = resampleRows(resampleColumns(image, columns), 3 * inner.width, rows);
  const data = new Uint8Array(3 * width * height).fill(255);
  const [left, top] = [(width - inner.width) >> 1, (height - inner.height) >> 1];
  for (let y = 0; y < inner.height; y++) {
    const line = pixels.subarray(3 * inner.width * y, 3 * inner.width * (y + 1));
    data.set(line, 3 * ((top + y) * width + left));
  }
  return { width, height, data };
}

/** For each pixel of the result: the first pixel that counts, and the weights from there on. */
type Taps = readonly { readonly first: number; readonly weights: readonly number[] }[];

/** `length` pixels of the source from `begin` on become `count`; nothing is read beyond its `end`. */
function taps(end: number, begin: number, length: number, count: number, { reach, weigh }: Kernel): Taps {
  const step = length / count;
  const stretch = Math.max(step, 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = begin + (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const last = Math.min(end, Math.trunc(centre + reach * stretch + 0.5));
    const weights = Array.from(
      { length: last - first },
      (_, k) => weigh((first + k - centre + 0.5) / stretch),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

function resampleColumns({ width, height, data }: Image, columns: Taps): Uint8ClampedArray {
  const result = new Uint8ClampedArray(3 * columns.length * height);
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of columns.entries()) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[3 * (y * width + first + k) + c]!;
        result[3 * (y * columns.length + x) + c] = sum;
      }
    }
  }
  return result;
}

function resampleRows(data: Uint8ClampedArray, lineLength: number, rows: Taps): Uint8Array {
  const result = new Uint8ClampedArray(lineLength * rows.length);
  const line = new Float64Array(lineLength);
  for (const [y, { first, weights }] of rows.entries()) {
    line.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const from = (first + k) * lineLength;
      for (let i = 0; i < lineLength; i++) line[i]! += weights[k]! * data[from + i]!;
    }
    result.set(line, y * lineLength);
  }
  return new Uint8Array(result.buffer);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
