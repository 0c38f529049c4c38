/** The GPU devices of a backend: one at a time, a fresh one after a loss. */
import { BackendUnavailableError } from "../core/errors.ts";

/** What a device is asked for, where the adapter has it. */
const features: readonly GPUFeatureName[] = [
  "shader-f16", // half-precision arithmetic, for dtype "float16"
  "subgroups" as GPUFeatureName, // faster reductions in normalisation, softmax and matrix products
];

/** Limits that are raised to the adapter's: the defaults are those of the smallest phone. */
const limits: readonly (keyof GPUSupportedLimits)[] = [
  "maxBufferSize", // an embedding table or an activation is one buffer
  "maxStorageBufferBindingSize", // and one binding
  "maxStorageBuffersPerShaderStage", // Concat and Split bind a buffer for each of their operands
  "maxComputeWorkgroupStorageSize", // tiles of matrix products
  "maxComputeInvocationsPerWorkgroup", // their threads
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension", // large pictures
];

/** Options of {@linkcode DeviceSource}. */
export interface DeviceSourceOptions {
  readonly device?: GPUDevice;
  readonly powerPreference?: GPUPowerPreference;
  readonly software?: boolean;
}

/** Gives a device that works. */
export class DeviceSource {
  readonly #options: DeviceSourceOptions;
  /** Deno ends with a panic when something asks a device for its adapter and that has been collected. */
  readonly #adapters = new WeakMap<GPUDevice, GPUAdapter>();
  #current: Promise<GPUDevice> | undefined;

  constructor(options: DeviceSourceOptions) {
    this.#options = options;
    if (options.device !== undefined) this.#hold(Promise.resolve(options.device));
  }

  /**
   * The current device, or a fresh one where there is none or it was lost.
   *
   * @throws {BackendUnavailableError} If this machine has no WebGPU.
   */
  get(): Promise<GPUDevice> {
    return this.#current ?? this.#hold(this.#request());
  }

  #hold(device: Promise<GPUDevice>): Promise<GPUDevice> {
    this.#current = device;
    const forget = () => {
      if (this.#current === device) this.#current = undefined;
    };
    device.then(({ lost }) => lost.then(forget), forget);
    return device;
  }

  async #request(): Promise<GPUDevice> {
    const adapter = await requestAdapter(this.#options);
    const device = await requestDevice(adapter);
    this.#adapters.set(device, adapter);
    return device;
  }
}

async function requestAdapter(
  { powerPreference, software = true }: DeviceSourceOptions,
): Promise<GPUAdapter> {
  const { gpu } = globalThis.navigator as { gpu?: GPU };
  if (gpu === undefined) throw unavailable("this platform has no WebGPU");
  const adapter = await gpu.requestAdapter(powerPreference === undefined ? {} : { powerPreference });
  if (adapter === null) throw unavailable("there is no GPU, or its driver is not supported");
  if (!software && adapter.info.isFallbackAdapter) throw unavailable("the only GPU is emulated on the CPU");
  return adapter;
}

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(
        limits.filter((limit) => limit in adapter.limits).map((
          limit,
        ) => [limit, adapter.limits[limit] as number]),
      ),
    });
  } catch (cause) {
    throw unavailable((cause as Error).message, cause);
  }
}

function unavailable(reason: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError(`Cannot use the webgpu backend: ${reason}.`, { cause });
}
