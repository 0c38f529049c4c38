/**
 * The worker's side: an engine behind its message port.
 *
 * @module
 */
import { Engine } from "./_engine.ts";
import { answer, type Question } from "./_protocol.ts";

/** Answers whatever this worker is asked. */
export function serveEngine(): void {
  const port = globalThis as unknown as Pick<Worker, "postMessage" | "onmessage">;
  const engine = new Engine();
  port.onmessage = ({ data: question }: MessageEvent<Question>) => {
    const message = answer(engine, question);
    const tensors = "result" in message && message.result instanceof Map ? [...message.result.values()] : [];
    port.postMessage(message, tensors.flatMap((tensor) => "data" in tensor ? [tensor.data.buffer] : []));
  };
}
