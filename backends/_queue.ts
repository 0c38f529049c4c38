/**
 * One call at a time. ONNX Runtime's WebGPU provider hangs when two runs are in flight in one runtime instance,
 * whichever sessions they belong to; elsewhere two runs would only contend for the same cores.
 */
import { Queue } from "../core/queue.ts";

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
