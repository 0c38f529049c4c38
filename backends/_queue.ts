/**
 * One call at a time. ONNX Runtime's WebGPU provider hangs when two runs are in flight in one runtime instance,
 * whichever sessions they belong to; elsewhere two runs would only contend for the same cores.
 */

/** Serves calls one after the other, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all earlier work, whether that succeeded or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/**
 * Queues by runtime instance. The instance is a JavaScript module, of which there is one however many backends are
 * made, so its queue cannot live in a backend; the map forgets it with the module.
 */
const queues = new WeakMap<object, Queue>();

/** The one queue of a runtime instance. */
export function queueOf(runtime: object): Queue {
  const queue = queues.get(runtime) ?? new Queue();
  queues.set(runtime, queue);
  return queue;
}

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
