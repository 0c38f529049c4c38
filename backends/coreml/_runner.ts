/**
 * A loaded Core ML model, as the backend contract wants it.
 *
 * @module
 */
import { type DeviceTensor, sizeOf, type Tensor, type TensorData } from "../../core/tensor.ts";
import type { AnyTensor, Port, Runner, RunOptions } from "../backend.ts";
import { fit } from "../runner/port_tensor.ts";
import type { HostOrKept, LoadedModel } from "./_engine.ts";
import type { EngineQueue } from "./_engine_queue.ts";
import { CoreMLTensor } from "./_tensor.ts";

/** Checks what goes in, and passes it on to the engine. */
export class CoreMLRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #engine: EngineQueue;
  readonly #handle: number;
  readonly #program: string;
  #disposed = false;

  /** Takes over one use of the engine. */
  constructor(engine: EngineQueue, { handle, inputs, outputs }: LoadedModel, path: string) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#engine = engine;
    this.#handle = handle;
    this.#program = `Core ML model "${path}"`;
  }

  async run(
    inputs: Readonly<Record<string, AnyTensor>>,
    { keep = [], signal }: RunOptions = {},
  ): Promise<Record<string, AnyTensor>> {
    signal?.throwIfAborted();
    if (this.#disposed) throw new TypeError(`Cannot run ${this.#program}: it has been disposed.`);
    this.#checkNames("input", Object.keys(inputs), this.inputs);
    this.#checkNames("output", keep, this.outputs);
    const request = new Map<string, HostOrKept>();
    const transfer: ArrayBuffer[] = [];
    for (const port of this.inputs) {
      const input = inputs[port.name];
      if (input === undefined) {
        throw new TypeError(`Cannot run ${this.#program}: input "${port.name}" is missing.`);
      }
      const shape = fit(input.shape, port, this.#program);
      if ("data" in input) {
        const data = this.#copy(port, input);
        transfer.push(data.buffer as ArrayBuffer);
        request.set(port.name, { data, shape });
      } else {
        request.set(port.name, this.#kept(port, input));
      }
    }
    const outputs = this.outputs.map(({ name }) => name);
    const results = await this.#engine.call("run", { model: this.#handle, inputs: request, outputs, keep }, {
      transfer,
      signal,
      abandoned: (results) => {
        for (const result of results.values()) if ("handle" in result) this.#engine.call("release", result);
      },
    });
    const tensors: Record<string, AnyTensor> = {};
    for (const [name, result] of results) {
      tensors[name] = "handle" in result ? new CoreMLTensor(this.#engine, result) : result;
    }
    return tensors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#engine.call("release", { handle: this.#handle });
    await this.#engine.leave();
  }

  #checkNames(kind: string, names: readonly string[], ports: readonly Port[]): void {
    const known = ports.map(({ name }) => name);
    const unknown = names.find((name) => !known.includes(name));
    if (unknown === undefined) return;
    throw new TypeError(
      `Cannot run ${this.#program}: it has no ${kind} "${unknown}", expected ${known.join(", ")}.`,
    );
  }

  /** The caller's memory stays the caller's. */
  #copy({ name }: Port, { data, shape }: Tensor<TensorData>): TensorData {
    const size = sizeOf(shape);
    if (data.length === size) return data.slice();
    throw new RangeError(
      `Cannot run ${this.#program}: input "${name}" has ${data.length} elements, but its shape [${shape}] holds ${size}.`,
    );
  }

  #kept({ name }: Port, tensor: DeviceTensor): HostOrKept {
    if (tensor instanceof CoreMLTensor && tensor.engine === this.#engine) return tensor.kept;
    throw new TypeError(
      `Cannot run ${this.#program}: input "${name}" lives on another backend. Read it to host memory first.`,
    );
  }
}
