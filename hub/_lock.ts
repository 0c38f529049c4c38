/**
 * A lock that all processes on a machine see: a file that only one of them can make.
 *
 * Its owner touches it every few seconds, so that what a killed process left behind is taken over. Two
 * processes that take over in the same instant may both go on; the hash of what they write then tells.
 */
import { builtin } from "../core/platform.ts";
import { pause } from "./_pause.ts";

const heartbeat = 2_000;
const staleAfter = 15_000;
const pollEvery = 200;

/** Waits for the lock; disposing of it gives it back. */
export async function lock(path: string, signal: AbortSignal | undefined): Promise<AsyncDisposable> {
  const { open, stat, unlink, utimes } = builtin("node:fs/promises");
  for (;;) {
    signal?.throwIfAborted();
    try {
      await (await open(path, "wx")).close();
      break;
    } catch (error) {
      if (code(error) !== "EEXIST") throw error;
    }
    const age = await stat(path).then(({ mtimeMs }) => Date.now() - mtimeMs, () => 0);
    if (age > staleAfter) await unlink(path).catch(() => {}); // another process may have been faster
    else await pause(pollEvery, signal);
  }
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // taken over by a process that thought this one dead
  }, heartbeat);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await unlink(path).catch(() => {});
    },
  };
}

/** The system's name for an error, such as `ENOENT`. */
export function code(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
