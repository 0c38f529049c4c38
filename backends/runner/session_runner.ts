/** The runner over a session: checks and converts tensors, keeps calls in order, reopens a session that was lost. */
import { abandonable } from "../../core/abandonable.ts";
import type { Queue } from "../../core/queue.ts";
import type { DeviceTensor, Tensor, TensorData } from "../../core/tensor.ts";
import { HostTensor } from "./_host_tensor.ts";
import type { Program } from "../_program.ts";
import { fit, fromPort, type PortTensor, toPort } from "./port_tensor.ts";
import type { Feeds, Session } from "./session.ts";
import type { AnyTensor, Port, Runner, RunOptions } from "../backend.ts";

/** What a runner is made of. */
export interface SessionRunnerOptions {
  /** What runs; it is released with the runner. */
  readonly program: Pick<Program, "name" | "dimensions" | "release">;
  /** Serves the runs of one runtime instance. */
  readonly queue: Queue;
  /** Opens the session: once by {@linkcode openRunner}, and again after one was abandoned or lost. */
  readonly open: (signal?: AbortSignal) => Promise<Session>;
}

/** Opens a session and gives its runner. */
export async function openRunner(options: SessionRunnerOptions, signal?: AbortSignal): Promise<Runner> {
  signal?.throwIfAborted();
  const opening = options.queue.run(() => options.open(signal));
  try {
    return new SessionRunner(options, await abandonable(opening, signal));
  } catch (error) {
    opening.then((session) => session.release()).catch(() => {}).then(() => options.program.release?.());
    throw error;
  }
}

class SessionRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #options: SessionRunnerOptions;
  #session: Session | undefined;
  #disposed = false;

  constructor(options: SessionRunnerOptions, session: Session) {
    this.#options = options;
    this.#session = session;
    const { dimensions } = options.program;
    this.inputs = session.inputs.map((port) => withSizes(port, dimensions));
    this.outputs = session.outputs.map((port) => withSizes(port, dimensions));
  }

  async run(
    inputs: Readonly<Record<string, AnyTensor>>,
    { keep = [], signal }: RunOptions = {},
  ): Promise<Record<string, AnyTensor>> {
    const { program: { name }, queue } = this.#options;
    if (this.#disposed) throw new TypeError(`Cannot run ${name}: its runner has been disposed.`);
    signal?.throwIfAborted();
    checkNames(name, "input", this.inputs, Object.keys(inputs));
    checkNames(name, "output", this.outputs, keep, { all: false });
    const feeds = await this.#convert(inputs);
    const work = queue.run(() => this.#serve(feeds, new Set(keep), signal));
    return await abandonable(work, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const { program, queue } = this.#options;
    await queue.run(async () => {
      await this.#session?.release();
      await program.release?.();
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
    return this.#session ??= await this.#options.open(signal);
  }

  async #convert(inputs: Readonly<Record<string, AnyTensor>>): Promise<Feeds> {
    const { name } = this.#options.program;
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
