/**
 * The engine as the backend sees it: calls wait in a queue, one is under way at a time, and any of them can be
 * abandoned. The queue counts its users (models, kept outputs, loads under way) and closes the engine after the last.
 *
 * @module
 */
import { BackendUnavailableError } from "../../core/errors.ts";
import { abandonable } from "../../core/abandonable.ts";
import { Queue } from "../../core/queue.ts";
import type { Frameworks } from "./_frameworks.ts";
import type { EnginePort } from "./_engine_port.ts";
import type { Method, Request, Response } from "./_protocol.ts";

/** Options of {@linkcode EngineQueue.call}. */
export interface CallOptions<M extends Method> {
  /** Memory to hand over. */
  readonly transfer?: Transferable[];
  /** Abandons the call: it rejects at once. If it is under way, it ends unheard. */
  readonly signal?: AbortSignal | undefined;
  /** Cleans up after a call that ended unheard. */
  readonly abandoned?: (response: Response<M>) => void;
}

/** A queue before an engine. */
export class EngineQueue {
  readonly #port: Promise<EnginePort>;
  readonly #onClose: () => void;
  readonly #queue = new Queue();
  #opened: Promise<void> | undefined;
  #users = 0;

  constructor(port: Promise<EnginePort>, onClose: () => void) {
    this.#port = port;
    this.#onClose = onClose;
  }

  /**
   * Opens the libraries, once.
   *
   * @throws {BackendUnavailableError} If that fails.
   */
  open(frameworks: Frameworks): Promise<void> {
    return this.#opened ??= this.call("open", frameworks).catch(({ message }: Error) => {
      throw new BackendUnavailableError(`Cannot use Core ML: ${message}`);
    });
  }

  /** Calls the engine after all earlier calls. */
  async call<M extends Method>(
    method: M,
    request: Request<M>,
    { transfer = [], signal, abandoned }: CallOptions<M> = {},
  ): Promise<Response<M>> {
    const turn = this.#queue.run(async () => {
      signal?.throwIfAborted();
      return await (await this.#port).ask({ method, request }, transfer) as Response<M>;
    });
    try {
      return await abandonable(turn, signal);
    } catch (error) {
      if (signal?.aborted) this.#heedLater(turn, abandoned);
      throw error;
    }
  }

  /** One user more. */
  join(): void {
    this.#users++;
  }

  /** One user less. After the last, when the queue is empty, the engine is closed. */
  leave(): Promise<void> {
    this.#users--;
    return this.#queue.run(async () => {
      if (this.#users !== 0) return;
      this.#users = NaN; // closed once
      this.#onClose();
      await this.#port.then((port) => port.close(), () => {});
    });
  }

  /** The engine stays for a call that nobody waits for any more. */
  #heedLater<T>(turn: Promise<T>, cleanUp: (value: T) => void = () => {}): void {
    this.join();
    turn.then(cleanUp).catch(() => {}).finally(() => this.leave());
  }
}
