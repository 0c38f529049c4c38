/** The GPU devices of a backend: one at a time, a fresh one after a loss. */
import { BackendUnavailableError } from "../core/errors.ts";

/**
 * What a device is asked for, where the adapter has it. Not "subgroups": with it the attention of ONNX Runtime 1.30's
 * provider forgets all but the first few tokens under a causal mask (text states were off by 0.87 rms in Chromium).
 */
const features: readonly GPUFeatureName[] = [
  "shader-f16", // half-precision arithmetic, for dtype "float16"
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

/** A device in use. */
export interface LiveDevice {
  readonly device: GPUDevice;
  /** Fires with a `BackendUnavailableError` when the device is lost. */
  readonly lost: AbortSignal;
  /** Only held: Deno ends with a panic when a device is asked for an adapter that has been collected. */
  readonly adapter?: GPUAdapter;
}

/** Gives a device that works. */
export class DeviceSource {
  readonly #options: DeviceSourceOptions;
  #current: Promise<LiveDevice> | undefined;

  constructor(options: DeviceSourceOptions) {
    this.#options = options;
    if (options.device !== undefined) this.#hold(Promise.resolve(watch(options.device)));
  }

  /**
   * The current device, or a fresh one where there is none or it was lost.
   *
   * @throws {BackendUnavailableError} If this machine has no WebGPU.
   */
  get(): Promise<LiveDevice> {
    return this.#current ?? this.#hold(request(this.#options));
  }

  #hold(current: Promise<LiveDevice>): Promise<LiveDevice> {
    this.#current = current;
    const forget = () => {
      if (this.#current === current) this.#current = undefined;
    };
    current.then(({ lost }) => lost.addEventListener("abort", forget), forget);
    return current;
  }
}

function watch(device: GPUDevice, adapter?: GPUAdapter): LiveDevice {
  const controller = new AbortController();
  device.lost.then(({ message }) => {
    const reason = message === "" ? "" : `: ${message}`;
    const next = "The next call starts on a fresh one.";
    controller.abort(new BackendUnavailableError(`The GPU device was lost${reason}. ${next}`));
  });
  return { device, lost: controller.signal, ...adapter !== undefined && { adapter } };
}

async function request(options: DeviceSourceOptions): Promise<LiveDevice> {
  const adapter = await requestAdapter(options);
  return watch(await requestDevice(adapter), adapter);
}

async function requestAdapter(
  { powerPreference, software = true }: DeviceSourceOptions,
): Promise<GPUAdapter> {
  const { gpu } = (globalThis.navigator ?? {}) as { gpu?: GPU }; // a server that renders pages has neither
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
