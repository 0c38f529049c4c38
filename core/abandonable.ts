/**
 * Work that nobody waits for any longer.
 *
 * @module
 */

/** A promise that also rejects with the signal's reason as soon as it fires; the work itself goes on. */
export async function abandonable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise: fired, reject } = Promise.withResolvers<never>();
  const abandon = () => reject(signal.reason);
  if (signal.aborted) abandon();
  signal.addEventListener("abort", abandon, { once: true });
  try {
    return await Promise.race([work, fired]);
  } finally {
    signal.removeEventListener("abort", abandon);
  }
}
