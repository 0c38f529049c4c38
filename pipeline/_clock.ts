/** Where the time of a run goes. */
import { abandonable } from "../core/abandonable.ts";
import type { GenerationTimes } from "./generation.ts";

type Phase = Exclude<keyof GenerationTimes, "total">;

/** Adds up the time of each phase, and stops waiting for work when the signal fires. */
export class Clock {
  readonly #start = performance.now();
  readonly #spent: Record<Phase, number> = { load: 0, encode: 0, denoise: 0, decode: 0 };
  readonly #signal: AbortSignal | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #ahead: Promise<unknown> = Promise.resolve();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Waits for a part to load. */
  load<T>(work: Promise<T>): Promise<T> {
    return this.spend("load", work);
  }

  /** Waits for work, or for the signal: the work then goes on, and {@linkcode Clock.idle} says when it ends. */
  async spend<T>(phase: Phase, work: Promise<T>): Promise<T> {
    const start = performance.now();
    this.#last = work.catch(() => {});
    try {
      return await abandonable(work, this.#signal);
    } finally {
      this.#spent[phase] += performance.now() - start;
    }
  }

  /** Notes work that was begun before anybody waits for it, and that a failed run leaves behind. */
  ahead(work: Promise<unknown>): void {
    this.#ahead = Promise.allSettled([this.#ahead, work]);
  }

  /** Settles when no work is under way. */
  async idle(): Promise<void> {
    await this.#last;
    await this.#ahead;
  }

  /** Whole milliseconds. */
  times(): GenerationTimes {
    const whole = Object.entries(this.#spent).map(([phase, time]) => [phase, Math.round(time)]);
    return { ...Object.fromEntries(whole), total: Math.round(performance.now() - this.#start) };
  }
}
