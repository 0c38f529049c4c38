/**
 * A part that is loaded when it is first needed and can be dropped in between.
 *
 * @module
 */

/** Loads a part on demand, once for all who ask at the same time. */
export class LazyPart<T> implements AsyncDisposable {
  readonly #load: (owned: AsyncDisposableStack) => Promise<T>;
  #loading: Promise<{ readonly part: T; readonly owned: AsyncDisposableStack }> | undefined;

  /**
   * Wraps a loader; nothing is loaded yet.
   *
   * @param load Puts everything that must be freed with the part on `owned`.
   */
  constructor(load: (owned: AsyncDisposableStack) => Promise<T>) {
    this.#load = load;
  }

  /** The part, loaded now unless it is there. After a failure the next call tries again. */
  async get(): Promise<T> {
    this.#loading ??= this.#start();
    return (await this.#loading).part;
  }

  /** Drops the part and its memory, waiting for it if it is being loaded; `get` loads it again. */
  async release(): Promise<void> {
    const loading = this.#loading;
    this.#loading = undefined;
    const loaded = await loading?.catch(() => undefined); // a failure belongs to whoever asked for the part
    await loaded?.owned.disposeAsync();
  }

  /** As {@linkcode LazyPart.release}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #start() {
    const owned = new AsyncDisposableStack();
    try {
      return { part: await this.#load(owned), owned };
    } catch (error) {
      this.#loading = undefined;
      await owned.disposeAsync();
      throw error;
    }
  }
}
