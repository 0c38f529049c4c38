/**
 * The runner over a session: checks and converts tensors, keeps calls in order, reopens a session that was lost.
 *
 * @module
 */
import { abandonable } from "../../core/abandonable.ts";
import { BackendUnavailableError } from "../../core/errors.ts";
import { Queue } from "../../core/queue.ts";
import type { DeviceTensor, Tensor, TensorData } from "../../core/tensor.ts";
import { HostTensor } from "./_host_tensor.ts";
import { fit, fromPort, toPort } from "./port_tensor.ts";
import type { Feeds, PortTensor, Session } from "./session.ts";
import type { AnyTensor, Port, Runner, RunOptions } from "../backend.ts";

/** What a session runs, and what a runner does about it. */
export interface SessionProgram {
  /** What it is, for errors: `unet`. */
  readonly name: string;
  /** Numbers for free sizes of the ports, which callers are then held to. @default {none} */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** Serves the calls of one runtime, where two at a time would harm each other. @default {one of the runner's own} */
  readonly queue?: Queue;
  /** Opens a session in place of one that was abandoned or lost. @default {such a runner is at its end} */
  readonly open?: (signal?: AbortSignal) => Promise<Session>;
  /** Frees what was made for the program; called once, when its session is gone. */
  release?(): Promise<void>;
}

/**
 * The whole contract of a {@linkcode Runner} over a session of somebody's runtime: inputs are checked and converted to
 * the ports' types, calls are served in order, an aborted call rejects at once, kept outputs stay where the session
 * leaves them, and the runner is disposed once and for all. The session is released with it.
 *
 * @example
 * ```ts
 * import { sessionRunner } from "@mobile-diffusion/sdk/backends/runner";
 *
 * const port = (name: string) => ({ name, dtype: "float32", shape: ["n"] });
 * await using runner = sessionRunner({
 *   inputs: [port("x")],
 *   outputs: [port("y")],
 *   async run({ x }) {
 *     const { type, data, dims } = x as { type: string; data: Float32Array; dims: number[] };
 *     return { y: { type, data: data.map((value) => 2 * value), dims } };
 *   },
 *   async release() {},
 * }, { name: "doubling" });
 * console.log(await runner.run({ x: { data: Float32Array.of(1, 2), shape: [2] } })); // y: 2, 4
 * ```
 */
export function sessionRunner(session: Session, program: SessionProgram): Runner {
  return new SessionRunner(session, program);
}

/** Opens a session and gives its runner. */
export async function openRunner(
  program: SessionProgram & Required<Pick<SessionProgram, "queue" | "open">>,
  signal?: AbortSignal,
): Promise<Runner> {
  signal?.throwIfAborted();
  const opening = program.queue.run(() => program.open(signal));
  try {
    return sessionRunner(await abandonable(opening, signal), program);
  } catch (error) {
    opening.then((session) => session.release()).catch(() => {}).then(() => program.release?.());
    throw error;
  }
}

class SessionRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #program: SessionProgram;
  readonly #queue: Queue;
  #session: Session | undefined;
  #disposed = false;

  constructor(session: Session, program: SessionProgram) {
    const { queue = new Queue(), dimensions = {} } = program;
    this.#program = program;
    this.#queue = queue;
    this.#session = session;
    this.inputs = session.inputs.map((port) => withSizes(port, dimensions));
    this.outputs = session.outputs.map((port) => withSizes(port, dimensions));
  }

  async run(
    inputs: Readonly<Record<string, AnyTensor>>,
    { keep = [], signal }: RunOptions = {},
  ): Promise<Record<string, AnyTensor>> {
    const { name } = this.#program;
    if (this.#disposed) throw new TypeError(`Cannot run ${name}: its runner has been disposed.`);
    signal?.throwIfAborted();
    checkNames(name, "input", this.inputs, Object.keys(inputs));
    checkNames(name, "output", this.outputs, keep, { all: false });
    const feeds = await this.#convert(inputs);
    const work = this.#queue.run(() => this.#serve(feeds, new Set(keep), signal));
    return await abandonable(work, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#queue.run(async () => {
      await this.#session?.release();
      await this.#program.release?.();
    });
    this.#session = undefined;
  }

  /** One run, when its turn has come. */
  async #serve(
    feeds: Feeds,
    keep: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, AnyTensor>> {
    signal?.throwIfAborted();
    const session = await this.#ready(signal);
    const abandon = () => session.abandon?.();
    signal?.addEventListener("abort", abandon, { once: true });
    try {
      const results = Object.entries(await session.run(feeds, keep));
      const outputs = Object.fromEntries(
        results.map(([name, tensor]) => [name, output(tensor, keep.has(name))]),
      );
      if (signal?.aborted) disposeAll(outputs);
      return outputs;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  /** The session, or another one where it was lost. */
  async #ready(signal: AbortSignal | undefined): Promise<Session> {
    if (this.#session?.isLost?.()) {
      await this.#session.release().catch(() => {});
      this.#session = undefined;
    }
    const { name, open } = this.#program;
    if (this.#session === undefined && open === undefined) {
      throw new BackendUnavailableError(
        `Cannot run ${name}: its session was lost, expected to be loaded again.`,
      );
    }
    return this.#session ??= await open!(signal);
  }

  async #convert(inputs: Readonly<Record<string, AnyTensor>>): Promise<Feeds> {
    const { name } = this.#program;
    const feeds: Record<string, PortTensor | DeviceTensor> = {};
    for (const port of this.inputs) {
      const tensor = inputs[port.name]!;
      if (!isDeviceTensor(tensor)) {
        feeds[port.name] = toPort(tensor, port, name);
      } else if (this.#session?.accepts?.(tensor, port)) {
        fit(tensor.shape, port, name);
        feeds[port.name] = tensor;
      } else {
        feeds[port.name] = toPort(await tensor.read(), port, name);
      }
    }
    return feeds;
  }
}

/** Whether a tensor is a handle of one on a device. */
export function isDeviceTensor(tensor: AnyTensor | PortTensor): tensor is DeviceTensor {
  return "read" in tensor;
}

/** The runtime plans for promised sizes, but does not hold callers to them. */
function withSizes(port: Port, dimensions: Readonly<Record<string, number>>): Port {
  return { ...port, shape: port.shape.map((size) => dimensions[size] ?? size) };
}

function output(tensor: PortTensor | DeviceTensor, kept: boolean): AnyTensor {
  if (isDeviceTensor(tensor)) return tensor;
  const host: Tensor<TensorData> = fromPort(tensor);
  return kept ? new HostTensor(host) : host;
}

function disposeAll(tensors: Readonly<Record<string, AnyTensor>>): void {
  for (const tensor of Object.values(tensors)) if (isDeviceTensor(tensor)) tensor[Symbol.dispose]();
}

function checkNames(
  program: string,
  kind: string,
  ports: readonly Port[],
  names: readonly string[],
  { all = true }: { all?: boolean } = {},
): void {
  const known = ports.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  const missing = all ? known.find((name) => !names.includes(name)) : undefined;
  if (unknown === undefined && missing === undefined) return;
  const problem = unknown === undefined
    ? `${kind} "${missing}" is missing`
    : `there is no ${kind} "${unknown}"`;
  throw new TypeError(
    `Cannot run ${program}: ${problem}, expected ${known.map((name) => `"${name}"`).join(", ")}.`,
  );
}
