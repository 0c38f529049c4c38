/** The device tensor of backends whose device is the host. */
import type { DeviceTensor, Tensor, TensorData } from "../../core/tensor.ts";

/** A kept output in host memory. */
export class HostTensor implements DeviceTensor {
  readonly shape: readonly number[];
  #data: TensorData | undefined;

  constructor({ data, shape }: Tensor<TensorData>) {
    this.#data = data;
    this.shape = shape;
  }

  // deno-lint-ignore require-await -- a disposed tensor rejects, as on other devices
  async read(): Promise<Tensor> {
    if (this.#data === undefined) throw new TypeError("Cannot read a kept tensor: it has been disposed.");
    return { data: Float32Array.from<number | bigint>(this.#data, Number), shape: this.shape };
  }

  [Symbol.dispose](): void {
    this.#data = undefined;
  }
}
