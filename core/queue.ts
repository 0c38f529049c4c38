/**
 * First come, first served.
 *
 * @module
 */
import { abandonable } from "./abandonable.ts";

/** Runs asynchronous tasks one after the other, in the order of the calls. */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve();

  /** Waits for all earlier tasks, then runs this one. A failed task does not stop the later ones. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Waits for a turn; the next one begins when the returned lock is disposed. */
  async turn(signal?: AbortSignal): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#tail;
    this.#tail = before.then(() => promise);
    try {
      signal?.throwIfAborted();
      await abandonable(before, signal);
    } catch (error) {
      resolve();
      throw error;
    }
    return { [Symbol.dispose]: resolve };
  }
}
