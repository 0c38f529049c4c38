/**
 * Streams as their consumers hold them. Between two steps a stream has the pipeline's turn while its consumer has the
 * word, who may forget it, or call the pipeline from inside the loop and wait for itself.
 */
import { builtinIfAny } from "./platform.ts";

/** The streams of one pipeline. */
export class HeldStreams<Step, Result> {
  /** Which stream's loop the running code stands in, told through awaits; browsers cannot tell. */
  readonly #loop = asyncContext<Hold<Step, Result>>();
  readonly #forgotten = new FinalizationRegistry<Hold<Step, Result>>((hold) => hold.giveUp());
  #last: { readonly hold: Hold<Step, Result>; readonly stream: WeakRef<WeakKey> } | undefined;

  /** Hands out a stream that gives up its steps when the signal fires between two of them, or when it is collected. */
  hold(
    steps: AsyncGenerator<Step, Result, void>,
    options: { readonly signal?: AbortSignal },
  ): AsyncGenerator<Step, Result, void> {
    const hold = new Hold(steps, options);
    let begun = false;
    const next = (): Promise<IteratorResult<Step, Result>> => {
      if (!begun) {
        try {
          this.refuseInside("stream");
        } catch (error) {
          return Promise.reject(error);
        }
        begun = true;
        this.#forgotten.register(stream, hold);
      }
      this.#last = { hold, stream: new WeakRef(stream) };
      this.#loop?.enterWith(hold); // goes on in the code that awaits this step
      return hold.next();
    };
    const stream: AsyncGenerator<Step, Result, void> = {
      next,
      return: (value) => hold.end(() => steps.return(value)),
      throw: (error) => hold.end(() => steps.throw(error)),
      [Symbol.asyncIterator]: () => stream,
      [Symbol.asyncDispose]: async () => void await hold.end(() => steps.return(undefined as Result)),
    };
    return stream;
  }

  /**
   * Refuses a call that would wait for the loop in which it stands. Where the platform cannot tell, every call between
   * two steps counts as one.
   *
   * @throws {TypeError} If it would.
   */
  refuseInside(action: string): void {
    if (!this.#last?.hold.paused || this.#last.stream.deref() === undefined) return;
    if (this.#loop !== undefined && this.#loop.getStore() !== this.#last.hold) return;
    throw new TypeError(
      `Cannot ${action}: this call stands between two steps of a stream of the same pipeline and would wait for its end ` +
        `in vain. Leave the loop first, or end the stream with return().`,
    );
  }
}

/** What keeps a stream's place. It must not refer to the stream, whose collection ends it. */
class Hold<Step, Result> {
  readonly #steps: AsyncGenerator<Step, Result, void>;
  readonly #options: { readonly signal?: AbortSignal };
  readonly #abort = (): void => this.giveUp({ reason: this.#options.signal!.reason });
  #asked = 0;
  #failure: { readonly reason: unknown } | undefined;
  /** Whether a step has been handed out and the next one not been asked for. */
  paused = false;

  constructor(steps: AsyncGenerator<Step, Result, void>, options: { readonly signal?: AbortSignal }) {
    this.#steps = steps;
    this.#options = options;
  }

  async next(): Promise<IteratorResult<Step, Result>> {
    this.#resume();
    if (this.#failure !== undefined) {
      const { reason } = this.#failure;
      this.#failure = undefined;
      throw reason;
    }
    this.#asked++;
    try {
      const result = await this.#steps.next();
      if (!result.done && this.#asked === 1) this.#pause();
      return result;
    } finally {
      this.#asked--;
    }
  }

  end<T>(how: () => Promise<T>): Promise<T> {
    this.#resume();
    return how();
  }

  /** Ends the steps; the next call for one throws the failure, if there is one. */
  giveUp(failure?: { readonly reason: unknown }): void {
    this.#resume();
    this.#failure = failure;
    this.#steps.return(undefined as Result).catch(() => {});
  }

  #pause(): void {
    const { signal } = this.#options;
    this.paused = true;
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  #resume(): void {
    this.paused = false;
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }
}

interface AsyncContext<T> {
  getStore(): T | undefined;
  enterWith(store: T): void;
}

function asyncContext<T>(): AsyncContext<T> | undefined {
  const { AsyncLocalStorage } = builtinIfAny("node:async_hooks") ?? {};
  return AsyncLocalStorage && new AsyncLocalStorage<T>();
}
