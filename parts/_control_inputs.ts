/** Checks what a control is asked to do, before anything runs. */
import type { ControlOptions, ControlStep } from "../core/parts.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";

/** Options with their defaults filled in. */
export interface CheckedOptions {
  readonly scale: number;
  readonly window: readonly [start: number, end: number];
  readonly guessMode: boolean;
  readonly unconditionalRows: number;
}

/** Checks options and fills in the defaults. */
export function checkOptions(options: ControlOptions = {}): CheckedOptions {
  const { scale = 1, window = [0, 1], guessMode = false, unconditionalRows = 0 } = options;
  if (!Number.isFinite(scale)) {
    throw new RangeError(`Cannot use the control: its scale is ${scale}, expected a finite number.`);
  }
  const [start, end] = window;
  if (!(start >= 0 && start <= end && end <= 1)) {
    throw new RangeError(
      `Cannot use the control: its window is ${start} to ${end}, expected two ascending numbers from 0 to 1.`,
    );
  }
  return { scale, window, guessMode, unconditionalRows };
}

/** What a network takes. */
export interface PictureSize {
  readonly channels: number;
  /** Picture pixels per latent pixel. */
  readonly downscale: number;
}

/** Brings a condition picture to the network's channels: colours become grey where it takes one channel. */
export function conditionPixels(pixels: Tensor, { channels, downscale }: PictureSize): Tensor {
  const { data, shape } = pixels;
  const [, own, height, width] = shape;
  if (shape.length !== 4 || sizeOf(shape) !== data.length || data.length === 0) {
    throw new RangeError(
      `Cannot use the control: its picture has shape [${shape}] and ${data.length} elements, expected [1, 3, height, width].`,
    );
  }
  if (height! % downscale !== 0 || width! % downscale !== 0) {
    throw new RangeError(
      `Cannot use the control: its picture is ${width} × ${height} pixels, expected multiples of ${downscale}.`,
    );
  }
  if (own === channels) return pixels;
  if (own === 3 && channels === 1) return grey(pixels);
  throw new RangeError(
    `Cannot use the control: its picture has ${own} channels, expected ${
      channels === 1 ? "1 or 3" : channels
    }.`,
  );
}

/** Checks that a picture is of the size of the result, and that there are as many latents as prompts. */
export function checkLatent({ latent }: ControlStep, pixels: Tensor, downscale: number, rows?: number): void {
  const [own, , height, width] = latent.shape as [number, number, number, number];
  const [, , down, across] = pixels.shape;
  if (down !== height * downscale || across !== width * downscale) {
    throw new RangeError(
      `Cannot use the control: its picture is ${across} × ${down} pixels, ` +
        `expected ${width * downscale} × ${height * downscale} as the result.`,
    );
  }
  if (rows === undefined || own === rows) return;
  throw new RangeError(
    `Cannot use the control: there are ${own} latents, but it was prepared for ${rows} rows.`,
  );
}

/** ITU-R BT.601, as Pillow converts to grey. */
function grey({ data, shape: [rows = 0, , height = 0, width = 0] }: Tensor): Tensor {
  const plane = height * width;
  const result = new Float32Array(rows * plane);
  for (let i = 0; i < result.length; i++) {
    const red = Math.floor(i / plane) * 3 * plane + i % plane;
    result[i] = 0.299 * data[red]! + 0.587 * data[red + plane]! + 0.114 * data[red + 2 * plane]!;
  }
  return { data: result, shape: [rows, 1, height, width] };
}
