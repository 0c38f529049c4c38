/**
 * Tensors in host memory, and handles of tensors that stay on a backend.
 *
 * @module
 */

/** The typed arrays a tensor may hold. Half precision never crosses this border: backends widen and narrow. */
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A dense tensor in host memory, row-major. `data.length` is the product of `shape`. */
export interface Tensor<T extends TensorData = Float32Array> {
  /** The elements, last dimension fastest. */
  readonly data: T;
  /** Dimensions, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
}

/**
 * A latent picture: float32, `[rows, channels, height / 8, width / 8]`, scaled as the network was trained
 * (the VAE's `scaling_factor` is already applied).
 */
export type Latent = Tensor<Float32Array>;

/**
 * A tensor that a {@linkcode Runner} left on its device because its name was in `keep`. It is a valid input of
 * every runner of the backend that made it, until it is disposed.
 */
export interface DeviceTensor extends Disposable {
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** Copies the elements to host memory. */
  read(): Promise<Tensor>;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

/**
 * Makes a tensor and checks that the data fills the shape.
 *
 * @throws {RangeError} If the number of elements differs from the product of the shape.
 *
 * @example
 * ```ts
 * import { tensor } from "@mobile-diffusion/sdk/core";
 * const latent = tensor(new Float32Array(4 * 8 * 8), [1, 4, 8, 8]);
 * ```
 */
export function tensor<T extends TensorData>(data: T, shape: readonly number[]): Tensor<T> {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot make a tensor: shape [${shape}] holds ${
        sizeOf(shape)
      } elements, but the data has ${data.length}.`,
    );
  }
  return { data, shape };
}

/** Joins tensors along the first dimension. All other dimensions must be equal. */
export function concatRows(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new RangeError("Cannot join rows: there is no tensor.");
  if (tensors.length === 1) return first;
  const tail = first.shape.slice(1);
  for (const { shape } of tensors) {
    if (shape.length !== first.shape.length || tail.some((dimension, i) => dimension !== shape[i + 1])) {
      throw new RangeError(
        `Cannot join rows: shapes [${first.shape}] and [${shape}] differ after the first dimension.`,
      );
    }
  }
  const data = new Float32Array(tensors.reduce((size, { data }) => size + data.length, 0));
  let offset = 0;
  for (const part of tensors) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return { data, shape: [tensors.reduce((rows, { shape }) => rows + (shape[0] ?? 0), 0), ...tail] };
}

/** A view (no copy) of rows `start` to `end` (exclusive) along the first dimension. */
export function sliceRows(source: Tensor, start: number, end: number): Tensor {
  const row = sizeOf(source.shape.slice(1));
  return {
    data: source.data.subarray(start * row, end * row),
    shape: [end - start, ...source.shape.slice(1)],
  };
}

/** Joins two tensors `[rows, channels, …]` along the channels. */
export function concatChannels(a: Tensor, b: Tensor): Tensor {
  const [rows = 0, , ...tail] = a.shape;
  const [own, added] = [a.data.length / rows, b.data.length / rows];
  const data = new Float32Array(a.data.length + b.data.length);
  for (let row = 0; row < rows; row++) {
    data.set(a.data.subarray(row * own, (row + 1) * own), row * (own + added));
    data.set(b.data.subarray(row * added, (row + 1) * added), row * (own + added) + own);
  }
  return { data, shape: [rows, a.shape[1]! + b.shape[1]!, ...tail] };
}
