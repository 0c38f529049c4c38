/**
 * What the stand-in's functions.m and the packages of models/ compute, in TypeScript. All arithmetic is in float64,
 * in the order of functions.m, and rounded once.
 */
import { sizeOf, type Tensor } from "../../core/tensor.ts";

/** Residuals of a ControlNet, `additional_residual_0` first. */
export type ResidualList = readonly Tensor[];

/** Rounds to half precision, as the bridge does where the model's inputs are of it. */
export function half({ data, shape }: Tensor): Tensor {
  return { data: Float32Array.from(new Float16Array(data)), shape };
}

/** Token ids `[1, tokens]` to hidden states `[1, tokens, dim]`. */
export function textEncoder(ids: ArrayLike<number>, dim: number): Tensor {
  const data = Float32Array.from({ length: ids.length * dim }, (_, i) => {
    return (ids[Math.floor(i / dim)]! * (i % dim + 1)) % 97 / 97 - 0.5;
  });
  return { data, shape: [1, ids.length, dim] };
}

/** A latent `[rows, 4, h, w]`, a timestep and hidden states `[rows, tokens, dim]` to noise. */
export function unet(sample: Tensor, timestep: number, hidden: Tensor, residuals: ResidualList = []): Tensor {
  const shift = shiftOf(timestep, residuals);
  return mapElements(sample, (value, row, channel) => {
    return value * 0.5 + shift(row) + context(hidden, row, channel) * 0.25;
  });
}

/** As {@linkcode unet}, rounded where it was cut: float32 for the latent, float16 for the prompt. */
export function chunkedUnet(sample: Tensor, timestep: number, hidden: Tensor): Tensor {
  const shift = shiftOf(timestep, []);
  return mapElements(sample, (value, row, channel) => {
    return Math.fround(value * 0.5) + shift(row) + Math.f16round(context(hidden, row, channel) * 0.25);
  });
}

/** `z` `[1, 4, h, w]` to pixels `[1, 3, 8h, 8w]`. */
export function vaeDecoder(z: Tensor): Tensor {
  const [, , h, w] = z.shape as [number, number, number, number];
  const [height, width] = [8 * h, 8 * w];
  const data = Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const channel = Math.floor(i / (height * width));
    const place = Math.floor(Math.floor(i / width) % height / 8) * w + Math.floor(i % width / 8);
    return z.data[channel * h * w + place]! * 0.25 * (channel + 1) + z.data[3 * h * w + place]! * 0.1;
  });
  return { data, shape: [1, 3, height, width] };
}

/** Pixels `[1, 3, 8h, 8w]` to moments `[1, 8, h, w]`. */
export function vaeEncoder(x: Tensor): Tensor {
  const [, , height, width] = x.shape as [number, number, number, number];
  const [h, w] = [height / 8, width / 8];
  const data = Float32Array.from({ length: 8 * h * w }, (_, i) => {
    const channel = Math.floor(i / (h * w));
    const [top, left] = [Math.floor(i / w) % h * 8, i % w * 8];
    let sum = 0;
    for (let j = 0; j < 64; j++) {
      sum += x.data[(channel % 4 % 3 * height + top + Math.floor(j / 8)) * width + left + j % 8]!;
    }
    return channel < 4 ? sum / 64 : sum / 64 * 0.1 - 2;
  });
  return { data, shape: [1, 8, h, w] };
}

/** A latent, a timestep and a picture `[rows, 3, 8h, 8w]` to residuals of the given shapes. */
export function controlNet(
  sample: Tensor,
  timestep: number,
  picture: Tensor,
  shapes: readonly (readonly number[])[],
): Tensor[] {
  const rows = Array.from({ length: sample.shape[0]! }, (_, row) => ({
    seen: meanOfRow(picture, row) * 0.1,
    noisy: meanOfRow(sample, row) * 0.05,
  }));
  return shapes.map((shape, n) => {
    const size = sizeOf(shape.slice(1));
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
      const { seen, noisy } = rows[Math.floor(i / size)]!;
      return seen * (n + 1) + noisy + timestep * 0.0001 + i % size % 7 * 0.001;
    });
    return { data, shape };
  });
}

/** What the prompt adds to a channel: every token has a weight of its own. */
function context(hidden: Tensor, row: number, channel: number): number {
  const [, tokens, dim] = hidden.shape as [number, number, number];
  let sum = 0;
  for (let t = 0; t < tokens; t++) {
    sum += hidden.data[(row * tokens + t) * dim + channel]! * ((t + 1) / tokens);
  }
  return sum / tokens;
}

function shiftOf(timestep: number, residuals: ResidualList): (row: number) => number {
  return (row) =>
    timestep * 0.0001 + residuals.reduce((sum, residual) => sum + meanOfRow(residual, row), 0) * 0.01;
}

function meanOfRow({ data, shape }: Tensor, row: number): number {
  const size = sizeOf(shape.slice(1));
  let sum = 0;
  for (let i = 0; i < size; i++) sum += data[row * size + i]!;
  return sum / size;
}

function mapElements(
  { data, shape }: Tensor,
  map: (value: number, row: number, channel: number) => number,
): Tensor {
  const [, channels, h, w] = shape as [number, number, number, number];
  const mapped = data.map((value, i) => {
    const plane = Math.floor(i / (h * w));
    return map(value, Math.floor(plane / channels), plane % channels);
  });
  return { data: mapped, shape };
}
