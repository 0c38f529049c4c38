/** Trying again what a busy or broken line may yet give. */
import { HubError } from "./hub_error.ts";
import { pause } from "./_pause.ts";

/** Milliseconds before the first new attempt; they double. */
const firstDelay = 250;

/** Milliseconds that a hub may ask us to wait; where it asks for more, the user should know. */
const longestWait = 60_000;

/** A failure that may pass. */
export class PassingError extends HubError {
  /** How long the hub asks to wait, in milliseconds. */
  readonly wait: number;

  constructor(message: string, options: ErrorOptions & { readonly wait?: number } = {}) {
    super("network", message, options);
    this.wait = options.wait ?? 0;
  }
}

/** Counts failures, and waits after each as long as is right. */
export class Attempts {
  #failures = 0;
  readonly #retries: number;
  readonly #signal: AbortSignal | undefined;

  constructor(retries: number, signal: AbortSignal | undefined) {
    this.#retries = retries;
    this.#signal = signal;
  }

  /** There was progress: the count begins again. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits for the next attempt. Rethrows what cannot pass, or has not passed often enough. */
  async after(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!(error instanceof PassingError) || error.wait > longestWait) throw error;
    if (++this.#failures > this.#retries) throw error;
    await pause(Math.max(error.wait, firstDelay * 2 ** (this.#failures - 1)), this.#signal);
  }
}

/** Runs it until it succeeds, or has failed too often. */
export async function attempt<T>(
  retries: number,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const attempts = new Attempts(retries, signal);
  for (;;) {
    try {
      return await run();
    } catch (error) {
      await attempts.after(error);
    }
  }
}
