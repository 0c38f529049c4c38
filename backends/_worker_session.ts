/** A session in a worker, seen from outside. */
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import { hasLocks, onceGone } from "./_life_lock.ts";
import { PlatformWorker } from "./_platform_worker.ts";
import type { PortTensor } from "./_port_tensor.ts";
import type { Program } from "./_program.ts";
import type { Session } from "./_session.ts";
import type { Port } from "./backend.ts";
import type {} from "./_wasm_server_worker.js"; // a package holds what is imported
import { isServer, type WasmSettings } from "./_wasm_runtime.ts";
import type { Reply, ReplyError, Request } from "./_worker_protocol.ts";

/** The worker did not start, so nothing of the program has been handed over. */
export class WorkerStartError extends BackendUnavailableError {}

/** The worker was ended by somebody else. */
class EndedError extends BackendUnavailableError {
  constructor() {
    super("The WASM worker was ended from outside. The next call starts a fresh one.");
  }
}

/** How a worker is started. */
export interface WorkerSettings extends WasmSettings {
  /** Address of its script, where it is not beside this file. */
  readonly script: string | URL | undefined;
}

/**
 * Starts a worker and loads a program in it, moving the weights over one by one.
 *
 * @throws {WorkerStartError} If workers do not start here.
 */
export async function openWorkerSession(
  program: Program,
  { script, ...settings }: WorkerSettings,
  signal?: AbortSignal,
): Promise<Session> {
  const link = new WorkerLink(script);
  const stop = () => link.end(signal!.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await link.start(settings);
    for await (const { path, data } of program.files()) {
      signal?.throwIfAborted();
      link.send({ kind: "file", path, data }, [data.buffer]);
    }
    const { name, model, dimensions } = program;
    const { inputs, outputs } = await link.ask<Ports>({ kind: "load", name, model, dimensions });
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
  readonly #worker: Worker;
  readonly #terminate: () => void;
  readonly #watching = new AbortController();
  #pending: PromiseWithResolvers<unknown> = Promise.withResolvers();
  #reason: unknown;
  ended = false;

  constructor(script: string | URL | undefined) {
    this.#worker = newWorker(script);
    this.#terminate = this.#worker.terminate.bind(this.#worker);
    this.#worker.terminate = () => this.end(new EndedError());
    this.#pending.promise.catch(() => {}); // nobody has asked yet
    this.#worker.onmessage = ({ data: reply }: MessageEvent<Reply>) => {
      if ("error" in reply) this.#pending.reject(revive(reply.error));
      else this.#pending.resolve(reply.value);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end(
        new BackendUnavailableError(`The WASM worker failed: ${event.message ?? "its script does not load"}`),
      );
    };
  }

  /**
   * Waits until the worker answers. From then on its end is noticed, as when the platform wants its memory: no event
   * tells that, but it loses its lock. Where there are no locks, nothing tells it.
   */
  async start(settings: WasmSettings): Promise<void> {
    const lock = hasLocks() ? crypto.randomUUID() : undefined;
    try {
      await this.ask({ kind: "start", settings, ...lock !== undefined && { lock } });
    } catch (cause) {
      if (cause instanceof EndedError || !(cause instanceof BackendUnavailableError)) throw cause;
      throw new WorkerStartError(cause.message, { cause });
    }
    if (lock !== undefined) onceGone(lock, this.#watching.signal, () => this.end(new EndedError()));
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

/** Errors lose their class on the way from a worker. */
function revive({ name, message }: ReplyError): Error {
  const classes = [BackendUnavailableError, UnsupportedModelError, TypeError, RangeError];
  const ErrorClass = classes.find((candidate) => candidate.name === name) ?? Error;
  return new ErrorClass(message);
}

/** A name apart, so that no bundler follows it. */
const serverWorker = "./_wasm_server_worker.js";

function newWorker(script: string | URL | undefined): Worker {
  if (!(PlatformWorker?.prototype instanceof EventTarget)) {
    throw new WorkerStartError("The WASM worker failed: this platform has no workers of the web");
  }
  const scope = globalThis as { Worker: typeof Worker };
  const others = scope.Worker;
  scope.Worker = PlatformWorker;
  try {
    const known = script ?? (isServer() ? new URL(serverWorker, import.meta.url) : undefined);
    if (known !== undefined) return new Worker(known, { type: "module" });
    // In these words, and with the global class, bundlers see that there is a worker.
    return new Worker(new URL("./wasm_worker.js", import.meta.url), { type: "module" });
  } catch (cause) {
    throw new WorkerStartError(`The WASM worker failed: ${(cause as Error).message}`, { cause });
  } finally {
    scope.Worker = others;
  }
}
