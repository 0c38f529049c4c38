/** A session in a worker, seen from outside. */
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import { hasLocks, onceGone } from "./_life_lock.ts";
import { PlatformWorker } from "./_platform_worker.ts";
import type { PortTensor } from "./_port_tensor.ts";
import type { Program } from "./_program.ts";
import type { Session } from "./_session.ts";
import type { Port } from "./backend.ts";
import type { Reply, ReplyError, Request } from "./_wasm_worker.ts";
import type { WasmRuntimeOptions } from "./_wasm_runtime.ts";

/** Starts a worker and loads a program in it, moving the weights over one by one. */
export async function openWorkerSession(
  program: Program,
  settings: WasmRuntimeOptions,
  signal?: AbortSignal,
): Promise<Session> {
  const link = new WorkerLink();
  const stop = () => link.end(signal!.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await link.watch();
    for await (const { path, data } of program.files()) {
      signal?.throwIfAborted();
      link.send({ kind: "file", path, data }, [data.buffer]);
    }
    const { name, model, dimensions } = program;
    const { inputs, outputs } = await link.ask<Ports>({ kind: "load", name, model, dimensions, settings });
    return {
      inputs,
      outputs,
      run: (feeds) =>
        link.ask<Record<string, PortTensor>>({ kind: "run", feeds: feeds as Record<string, PortTensor> }),
      release: () => Promise.resolve(link.end(new TypeError("The session has been released."))),
      abandon: () => link.end(new DOMException("The run was abandoned.", "AbortError")),
      isLost: () => link.ended,
    };
  } catch (error) {
    link.end(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

interface Ports {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** The worker, and the one question that it may be working on. */
class WorkerLink {
  readonly #worker = startWorker();
  readonly #terminate = this.#worker.terminate.bind(this.#worker);
  readonly #watching = new AbortController();
  #pending: PromiseWithResolvers<unknown> = Promise.withResolvers();
  #reason: unknown;
  ended = false;

  constructor() {
    this.#worker.terminate = () => this.end(endedFromOutside());
    this.#pending.promise.catch(() => {}); // nobody has asked yet
    this.#worker.onmessage = ({ data: reply }: MessageEvent<Reply>) => {
      if ("error" in reply) this.#pending.reject(revive(reply.error));
      else this.#pending.resolve(reply.value);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end(new BackendUnavailableError(`The WASM worker failed: ${event.message}`));
    };
  }

  /**
   * Notices when the worker is gone, as when the platform ends it for want of memory: no event tells that, but it
   * loses its lock. Where there are no locks, nothing tells it.
   */
  async watch(): Promise<void> {
    if (!hasLocks()) return;
    const lock = crypto.randomUUID();
    await this.ask({ kind: "hold", lock });
    onceGone(lock, this.#watching.signal, () => this.end(endedFromOutside()));
  }

  send(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  async ask<T>(request: Request): Promise<T> {
    if (this.ended) throw this.#reason;
    this.#pending = Promise.withResolvers();
    this.send(request);
    return await this.#pending.promise as T;
  }

  end(reason: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.#reason = reason;
    this.#watching.abort();
    this.#terminate();
    this.#pending.reject(reason);
  }
}

function endedFromOutside(): BackendUnavailableError {
  return new BackendUnavailableError(
    "The WASM worker was ended from outside. The next call starts a fresh one.",
  );
}

/** Errors lose their class on the way from a worker. */
function revive({ name, message }: ReplyError): Error {
  const classes = [BackendUnavailableError, UnsupportedModelError, TypeError, RangeError];
  const ErrorClass = classes.find((candidate) => candidate.name === name) ?? Error;
  return new ErrorClass(message);
}

function startWorker(): Worker {
  try {
    return new PlatformWorker(new URL("./_wasm_worker.ts", import.meta.url), { type: "module" });
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the wasm backend: its worker does not start (${
        (cause as Error).message
      }). Use wasm({ worker: false }).`,
      { cause },
    );
  }
}
