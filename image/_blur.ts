import type { Image } from "../core/image.ts";

/**
 * A Gaussian blur of standard deviation `sigma` in pixels, out to three of them; the picture is mirrored at
 * its border pixels. Size and border are those of OpenCV's `GaussianBlur` for 8 bits.
 */
export function gaussianBlur(image: Image, sigma: number): Image {
  const radius = (Math.round(6 * sigma + 1) | 1) >> 1;
  const weights = Array.from(
    { length: 2 * radius + 1 },
    (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  const kernel = Float64Array.from(weights, (weight) => weight / sum);
  const { width, height } = image;
  const across = convolve(image.data, kernel, { count: width, stride: 3 }, {
    count: height,
    stride: 3 * width,
  });
  const down = convolve(across, kernel, { count: height, stride: 3 * width }, { count: width, stride: 3 });
  return { width, height, data: new Uint8Array(Uint8ClampedArray.from(down).buffer) };
}

/** How many pixels there are along an axis, and how far apart they lie in memory. */
interface Axis {
  readonly count: number;
  readonly stride: number;
}

function convolve(data: ArrayLike<number>, kernel: Float64Array, along: Axis, other: Axis): Float32Array {
  const result = new Float32Array(data.length);
  const radius = kernel.length >> 1;
  for (let i = 0; i < along.count; i++) {
    for (let k = 0; k < kernel.length; k++) {
      const from = mirrored(i + k - radius, along.count) * along.stride;
      const weight = kernel[k]!;
      for (let j = 0; j < other.count; j++) {
        for (let c = j * other.stride; c < j * other.stride + 3; c++) {
          result[i * along.stride + c]! += weight * data[from + c]!;
        }
      }
    }
  }
  return result;
}

/** `-1` is `1`, `count` is `count − 2`, and so on to and fro. */
function mirrored(index: number, count: number): number {
  if (count === 1) return 0;
  const period = 2 * (count - 1);
  const inside = ((index % period) + period) % period;
  return inside < count ? inside : period - inside;
}
