/**
 * One picture at a time; the others wait in a line that has an end.
 *
 * @module
 */
import type { Image } from "../../core/image.ts";
import type { GenerateOptions } from "../../pipeline/generate_options.ts";
import type { GeneratedImage, GenerationStep } from "../../pipeline/generation.ts";
import type { LoraInput } from "../../core/model.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { Queue } from "../../core/queue.ts";

/** How long the line is. */
export interface JobsOptions {
  /** Requests that wait or run at once. */
  readonly capacity: number;
  /** Bytes of their bodies in all. */
  readonly bytes: number;
}

/** What is asked of the pipeline. */
export interface JobRequest {
  /** Who asks; an interruption ends the jobs of its caller alone. */
  readonly caller: string;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
  /** What `generate` takes. */
  readonly options: Omit<GenerateOptions, "signal" | "onStep" | "onWarning">;
  /** Networks on top of the model's. */
  readonly loras: readonly LoraInput[];
  /** Called after every step, and waited for. */
  readonly onStep?: (step: GenerationStep) => Promise<void>;
}

/** What became of a job. */
export interface JobResult {
  /** The pictures; of an interrupted job those of its last step, which carry no parameters, or none. */
  readonly images: readonly (GeneratedImage | Image)[];
  /** What was done otherwise than asked. */
  readonly warnings: readonly string[];
  /** Whether its caller ended it. */
  readonly interrupted: boolean;
}

/** A job that waits or runs. */
export interface Job {
  /** Who asked. */
  readonly caller: string;
  /** Its last step; absent while it waits or loads. */
  readonly step?: GenerationStep;
  /** When it began to run, in milliseconds since 1970. */
  readonly begun?: number;
}

/** The line is full. */
export class BusyError extends Error {
  override readonly name = "BusyError";
  /** Seconds until there may be a place. */
  readonly retryAfter: number;

  /** Says how long to wait. */
  constructor(message: string, retryAfter: number) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** A place in the line, kept from before a body is read until its job is done. */
export class Place implements Disposable {
  /** Whether a job has it; else whoever reserved it gives it back. */
  taken = false;
  readonly #leave: () => void;
  #left = false;

  /** Calls `leave` once. */
  constructor(leave: () => void) {
    this.#leave = leave;
  }

  [Symbol.dispose](): void {
    if (!this.#left) this.#leave();
    this.#left = true;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Runs jobs on one pipeline in the order in which they came. */
export class Jobs {
  readonly #pipeline: Pipeline;
  readonly #options: JobsOptions;
  readonly #queue = new Queue();
  readonly #jobs = new Map<Mutable<Job>, AbortController>();
  #places = 0;
  #bytes = 0;
  #seconds = 1; // of a usual job, for whoever has to come again
  #loras = "[]";

  /** Nothing else may use the pipeline's LoRAs. */
  constructor(pipeline: Pipeline, options: JobsOptions) {
    this.#pipeline = pipeline;
    this.#options = options;
  }

  /** The job that runs, if any. */
  get running(): Job | undefined {
    return this.#jobs.keys().find(({ begun }) => begun !== undefined);
  }

  /** Jobs that wait or run. */
  get count(): number {
    return this.#jobs.size;
  }

  /**
   * Takes a place for a request whose body has so many bytes.
   *
   * @throws {BusyError} If there is none.
   */
  reserve(bytes: number): Place {
    const { capacity, bytes: most } = this.#options;
    if (this.#places >= capacity || this.#places > 0 && this.#bytes + bytes > most) {
      const seconds = Math.ceil(Math.max(1, this.#seconds * this.#places));
      throw new BusyError(
        `The server is busy with ${this.#places} requests, expected fewer than ${capacity}: try again in ${seconds} s.`,
        seconds,
      );
    }
    this.#places++;
    this.#bytes += bytes;
    return new Place(() => {
      this.#places--;
      this.#bytes -= bytes;
    });
  }

  /**
   * Waits for its turn and makes the pictures.
   *
   * @throws As {@linkcode Pipeline.generate}.
   */
  async run(place: Place, request: JobRequest): Promise<JobResult> {
    place.taken = true;
    using _ = place;
    const job: Mutable<Job> = { caller: request.caller };
    const ended = new AbortController();
    this.#jobs.set(job, ended);
    try {
      using _turn = await this.#queue.turn(AbortSignal.any([request.signal, ended.signal]));
      job.begun = Date.now();
      const result = await this.#generate(job, ended.signal, request);
      this.#seconds += ((Date.now() - job.begun) / 1000 - this.#seconds) / 4;
      return result;
    } catch (error) {
      if (!ended.signal.aborted) throw error;
      return { images: [], warnings: [], interrupted: true }; // before its first step
    } finally {
      this.#jobs.delete(job);
    }
  }

  /** Ends the oldest job of a caller. @returns Whether there was one. */
  interrupt(caller: string): boolean {
    const [, ended] = this.#jobs.entries().find(([job]) => job.caller === caller) ?? [];
    ended?.abort();
    return ended !== undefined;
  }

  /** Ends all jobs and waits for the last. */
  async close(): Promise<void> {
    for (const ended of this.#jobs.values()) ended.abort();
    await this.#queue.run(() => Promise.resolve());
  }

  async #generate(job: Mutable<Job>, ended: AbortSignal, request: JobRequest): Promise<JobResult> {
    const { options, loras, signal, onStep } = request;
    const warnings: string[] = [];
    await this.#setLoras(loras);
    const steps = this.#pipeline.stream({ ...options, signal, onWarning: (text) => warnings.push(text) });
    while (true) {
      const { done, value } = await steps.next();
      if (done) return { images: value.images, warnings, interrupted: false };
      job.step = value;
      await onStep?.(value);
      if (!ended.aborted) continue;
      const images = await value.decode();
      await steps.return(undefined as never); // which ends the run; there is no generation to give back
      return { images, warnings, interrupted: true };
    }
  }

  /** Loaded again only where they are others than before. */
  async #setLoras(loras: readonly LoraInput[]): Promise<void> {
    const wanted = JSON.stringify(loras);
    if (wanted === this.#loras) return;
    this.#loras = ""; // should it fail, the next job sets its own
    await this.#pipeline.setLoras(loras);
    this.#loras = wanted;
  }
}
