/** A lock that a worker holds while it lives: the platform gives it back when the worker is gone, however that came. */

/** Web Locks, as far as they are used: not every library of types has them. */
interface Locks {
  request(name: string, options: { readonly signal?: AbortSignal }, held: () => unknown): Promise<unknown>;
}

function locksHere(): Locks | undefined {
  return (globalThis.navigator as { readonly locks?: Locks } | undefined)?.locks;
}

/** Whether this platform has locks; where not, nothing tells of a worker's end. */
export function hasLocks(): boolean {
  return locksHere() !== undefined;
}

/** Takes the lock for as long as this thread lives. */
export async function holdForLife(lock: string): Promise<void> {
  await new Promise<void>((held, fail) => {
    locksHere()!.request(lock, {}, () => {
      held();
      return new Promise(() => {});
    }).catch(fail);
  });
}

/** Calls back when whoever holds the lock is gone, unless the signal fires first. */
export function onceGone(lock: string, signal: AbortSignal, gone: () => void): void {
  locksHere()!.request(lock, { signal }, gone).catch(() => {}); // rejects only when the signal fires
}
