/**
 * A part that is loaded when it is first needed and can be dropped in between.
 *
 * @module
 */

/** Loads a part on demand, once for all who ask at the same time. */
export class LazyPart<T> implements AsyncDisposable {
  readonly #load: (owned: AsyncDisposableStack, signal?: AbortSignal) => Promise<T>;
  #loading: Promise<{ readonly part: T; readonly owned: AsyncDisposableStack }> | undefined;

  /**
   * Wraps a loader; nothing is loaded yet.
   *
   * @param load Puts everything that must be freed with the part on `owned`.
   */
  constructor(load: (owned: AsyncDisposableStack, signal?: AbortSignal) => Promise<T>) {
    this.#load = load;
  }

  /** The part, loaded now unless it is there. After a failure the next call tries again. */
  async get(signal?: AbortSignal): Promise<T> {
    this.#loading ??= this.#start(signal);
    return (await this.#loading).part;
  }

  /** Drops the part and its memory; `get` loads it again. */
  async release(): Promise<void> {
    const loading = this.#loading;
    this.#loading = undefined;
    if (loading !== undefined) await (await loading).owned.disposeAsync();
  }

  /** As {@linkcode LazyPart.release}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #start(signal: AbortSignal | undefined) {
    const owned = new AsyncDisposableStack();
    try {
      return { part: await this.#load(owned, signal), owned };
    } catch (error) {
      this.#loading = undefined;
      await owned.disposeAsync();
      throw error;
    }
  }
}
