/** Sessions of ONNX Runtime's WebGPU provider: outputs are made in GPU buffers and may stay there. */
import type { Tensor as OrtTensor } from "onnxruntime-web";
import { BackendUnavailableError } from "../core/errors.ts";
import type { DeviceTensor, Tensor } from "../core/tensor.ts";
import { createSession, fromOrt, portsOf, type Runtime, runtimeError, toOrt } from "./_onnxruntime.ts";
import { fromPort, type PortTensor } from "./_port_tensor.ts";
import type { Program } from "./_program.ts";
import type { Queue } from "./_queue.ts";
import type { Session } from "./_session.ts";

/** Where a session runs. */
export interface WebGpuPlace {
  readonly runtime: Runtime;
  readonly device: GPUDevice;
  /** Serves all work of the runtime instance. */
  readonly queue: Queue;
  /** Names of the nodes that run on the CPU. */
  readonly onCpu: readonly string[];
}

/** Opens a session on a device. */
export async function openWebGpuSession(program: Program, place: WebGpuPlace): Promise<Session> {
  const { runtime, device, onCpu } = place;
  let lost = false;
  device.lost.then(() => lost = true);
  const untilLost = <T>(work: Promise<T>): Promise<T> => Promise.race([work, loss(device)]);
  const session = await untilLost(createSession(runtime, program, {
    executionProviders: [{
      name: "webgpu",
      device,
      ...onCpu.length > 0 && { forceCpuNodeNames: onCpu },
    }],
    preferredOutputLocation: "gpu-buffer",
  }));
  return {
    ...portsOf(session),
    accepts: (tensor, port) =>
      tensor instanceof GpuTensor && tensor.isOn(device) && tensor.type === port.dtype,
    async run(feeds, keep) {
      const inputs = Object.entries(feeds).map(([name, feed]) => [
        name,
        feed instanceof GpuTensor ? feed.tensor : toOrt(runtime, feed as PortTensor),
      ]);
      const running = session.run(Object.fromEntries(inputs)).catch((cause) => {
        throw runtimeError(`Cannot run ${program.name}`, cause);
      });
      const outputs = await untilLost(running);
      const results: Record<string, PortTensor | DeviceTensor> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        results[name] = keep.has(name) ? new GpuTensor(tensor, place) : await untilLost(download(tensor));
      }
      return results;
    },
    isLost: () => lost,
    release: () => session.release(),
  };
}

/** Copies a result to host memory and frees its buffer. */
async function download(tensor: OrtTensor): Promise<PortTensor> {
  await tensor.getData(true);
  return fromOrt(tensor);
}

/** Rejects when the device is lost. */
async function loss(device: GPUDevice): Promise<never> {
  const { message } = await device.lost;
  throw new BackendUnavailableError(
    `The GPU device was lost${message === "" ? "" : `: ${message}`}. The next call starts on a fresh one.`,
  );
}

/** A tensor in a GPU buffer. */
class GpuTensor implements DeviceTensor {
  readonly shape: readonly number[];
  readonly type: string;
  readonly #place: WebGpuPlace;
  #tensor: OrtTensor | undefined;

  constructor(tensor: OrtTensor, place: WebGpuPlace) {
    this.#tensor = tensor;
    this.#place = place;
    this.type = tensor.type;
    this.shape = tensor.dims;
  }

  get tensor(): OrtTensor {
    if (this.#tensor === undefined) throw new TypeError("Cannot use a kept tensor: it has been disposed.");
    return this.#tensor;
  }

  isOn(device: GPUDevice): boolean {
    return this.#tensor !== undefined && this.#place.device === device;
  }

  async read(): Promise<Tensor> {
    const { tensor, type, shape } = this;
    const { device, queue } = this.#place;
    const data = await queue.run(() => Promise.race([tensor.getData(), loss(device)]));
    const host = fromPort(fromOrt({ type, data, dims: shape } as OrtTensor));
    return { data: Float32Array.from<number | bigint>(host.data, Number), shape };
  }

  [Symbol.dispose](): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
  }
}
