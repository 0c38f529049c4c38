/** Signals of the system that end a command in good order. */
import process from "node:process";

/** Those that ask a program to end, with the exit codes of shells. */
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The system asked the program to end. */
export class EndedBySignal extends Error {
  override readonly name = "AbortError";
  /** What the program ends with. */
  readonly exitCode: number;

  constructor(signal: keyof typeof codes) {
    super(`Ended by ${signal}.`);
    this.exitCode = codes[signal];
  }
}

/**
 * Runs what can be stopped. The first signal stops it, so that it removes what it wrote for a while; a second one ends
 * the program at once.
 *
 * @throws {EndedBySignal} If it was stopped.
 */
export async function untilSignal<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const handlers = (Object.keys(codes) as (keyof typeof codes)[]).map((name) =>
    [name, () => controller.abort(new EndedBySignal(name))] as const
  );
  for (const [name, handler] of handlers) process.once(name, handler);
  try {
    return await run(controller.signal);
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}
