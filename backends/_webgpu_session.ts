/** Sessions of ONNX Runtime's WebGPU provider: outputs are made in GPU buffers and may stay there. */
import type { Tensor as OrtTensor } from "onnxruntime-web";
import type { DeviceTensor, Tensor } from "../core/tensor.ts";
import { createSession, fromOrt, portsOf, type Runtime, runtimeError, toOrt } from "./_onnxruntime.ts";
import { fromPort, type PortTensor } from "./_port_tensor.ts";
import type { Program } from "./_program.ts";
import { abandonable } from "../core/abandonable.ts";
import type { Queue } from "../core/queue.ts";
import type { Session } from "./_session.ts";
import type { LiveDevice } from "./_webgpu_device.ts";

/** Where a session runs. */
export interface WebGpuPlace extends LiveDevice {
  readonly runtime: Runtime;
  /** Serves all work of the runtime instance. */
  readonly queue: Queue;
  /** Names of the nodes that run on the CPU. */
  readonly onCpu: readonly string[];
}

/** Opens a session on a device. */
export async function openWebGpuSession(program: Program, place: WebGpuPlace): Promise<Session> {
  const { runtime, device, onCpu } = place;
  const opening = createSession(runtime, program, {
    executionProviders: [{
      name: "webgpu",
      device,
      ...onCpu.length > 0 && { forceCpuNodeNames: onCpu },
    }],
    preferredOutputLocation: "gpu-buffer",
  });
  const session = await onDevice(opening, place);
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
      const outputs = await onDevice(running, place);
      const results: Record<string, PortTensor | DeviceTensor> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        results[name] = keep.has(name)
          ? new GpuTensor(tensor, place)
          : await onDevice(download(tensor), place);
      }
      return results;
    },
    isLost: () => place.lost.aborted,
    release: () => session.release(),
  };
}

/**
 * Waits for work on a device, or for its loss. A call fails in the runtime's own words where the loss is not known yet
 * in the same turn of the event loop; the device's queue knows it once it has answered.
 *
 * @throws {BackendUnavailableError} If the device was lost, whatever the work says.
 */
async function onDevice<T>(work: Promise<T>, { device, lost }: LiveDevice): Promise<T> {
  try {
    return await abandonable(work, lost);
  } catch (error) {
    await device.queue.onSubmittedWorkDone().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve)); // and its listeners have been told
    lost.throwIfAborted();
    throw error;
  }
}

/** Copies a result to host memory and frees its buffer. */
async function download(tensor: OrtTensor): Promise<PortTensor> {
  await tensor.getData(true);
  return fromOrt(tensor);
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
    const data = await this.#place.queue.run(() => onDevice(tensor.getData(), this.#place));
    const host = fromPort(fromOrt({ type, data, dims: shape } as OrtTensor));
    return { data: Float32Array.from<number | bigint>(host.data, Number), shape };
  }

  [Symbol.dispose](): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
  }
}
