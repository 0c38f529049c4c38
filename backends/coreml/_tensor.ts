/**
 * A tensor in the engine.
 *
 * @module
 */
import type { DeviceTensor, Tensor } from "../../core/tensor.ts";
import type { KeptArray } from "./_engine.ts";
import type { EngineQueue } from "./_engine_queue.ts";

/** A kept output: a multi-array that never left Core ML's memory. */
export class CoreMLTensor implements DeviceTensor {
  /** Where it lives. */
  readonly engine: EngineQueue;
  readonly #kept: KeptArray;
  #disposed = false;

  constructor(engine: EngineQueue, kept: KeptArray) {
    this.engine = engine;
    this.#kept = kept;
    engine.join();
  }

  get shape(): readonly number[] {
    return this.#kept.shape;
  }

  /**
   * What it is there.
   *
   * @throws {TypeError} If it has been disposed.
   */
  get kept(): KeptArray {
    if (this.#disposed) throw new TypeError("Cannot use a kept tensor: it has been disposed.");
    return this.#kept;
  }

  async read(): Promise<Tensor> {
    const { data, shape } = await this.engine.call("read", this.kept);
    return { data: data instanceof Float32Array ? data : Float32Array.from(data, Number), shape };
  }

  /** The multi-array is released after the calls that were made before. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.engine.call("release", this.#kept).finally(() => this.engine.leave());
  }
}
