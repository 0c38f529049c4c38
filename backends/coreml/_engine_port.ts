/**
 * The two ways to an engine: in a worker, so that the event loop stays free, or in place, for where a worker
 * cannot be.
 *
 * @module
 */
import { PlatformWorker } from "../_platform_worker.ts";
import type {} from "./_worker.js"; // a package holds what is imported
import { type Answer, answer, type Question, resultOf } from "./_protocol.ts";

/** Puts questions to an engine, one at a time. */
export interface EnginePort {
  /** Asks, and hands `transfer` over. */
  ask(question: Question, transfer: Transferable[]): Promise<unknown>;
  /** Ends the engine. */
  close(): void;
}

/** Starts an engine in a worker of its own. */
export function workerPort(): Promise<EnginePort> {
  if (PlatformWorker === undefined) {
    throw new TypeError("Cannot start the engine: there are no workers here.");
  }
  const worker = new PlatformWorker(new URL("./_worker.js", import.meta.url), {
    type: "module",
    name: "coreml",
  });
  let pending: PromiseWithResolvers<Answer> | undefined;
  let failure: Error | undefined;
  worker.onmessage = ({ data }) => pending?.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    failure = new Error(event.message);
    pending?.reject(failure);
  };
  return Promise.resolve({
    async ask(question: Question, transfer: Transferable[]) {
      if (failure !== undefined) throw failure;
      pending = Promise.withResolvers();
      worker.postMessage(question, transfer);
      return resultOf(await pending.promise);
    },
    close: () => worker.terminate(),
  });
}

/** Starts an engine on this thread. */
export async function localPort(): Promise<EnginePort> {
  const { Engine } = await import("./_engine.ts");
  const engine = new Engine();
  return {
    ask: (question) => Promise.resolve(answer(engine, question)).then(resultOf),
    close: () => engine.close(),
  };
}
