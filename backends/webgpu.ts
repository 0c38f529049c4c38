/**
 * The WebGPU backend: `onnxruntime-web` on the GPU, in browsers and in Deno.
 *
 * The runtime's WebGPU provider is compiled to WASM and drives the platform's `navigator.gpu`. Weights are handed over
 * in the computing type and go to GPU buffers, so the 4 GiB of WASM do not bound them. Two runs in flight hang the
 * runtime, whichever sessions they belong to: one queue serves all backends of a page.
 *
 * The device is ours, so that we choose its features and limits, and notice its loss: the call that is running fails
 * with a `BackendUnavailableError`, and the next one asks for a fresh device and loads the network again.
 *
 * @module
 */
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import type { OperatorSupport } from "../graph/onnx.ts";
import { decodeModel } from "../graph/onnx_proto.ts";
import { bindGraph, graphPrecisions, memoryProgram } from "./_graph_program.ts";
import { onnxProgram } from "./_onnx_program.ts";
import type { Runtime } from "./_onnxruntime.ts";
import type { Program } from "./_program.ts";
import { queueOf } from "./_queue.ts";
import { openRunner } from "./runner/session_runner.ts";
import { DeviceSource } from "./_webgpu_device.ts";
import { refuseCausalAttention, usesFloat16, wrongConvolutions } from "./_webgpu_quirks.ts";
import { openWebGpuSession } from "./_webgpu_session.ts";
import type { Backend, LoadOptions, PartSource } from "./backend.ts";

/** A `GPUDevice`, by what tells it apart: not every TypeScript project has the types of WebGPU. */
export interface WebGpuDevice {
  /** What it can do beyond the standard. */
  readonly features: { has(name: string): boolean };
  /** When it was lost, and why. */
  readonly lost: Promise<{ readonly message: string }>;
  /** Makes memory on it. */
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): unknown;
}

/** Options of {@linkcode webgpu}. */
export interface WebGpuOptions {
  /** A device of one's own, as when a page draws with it too; a fresh one takes its place if it is lost. */
  readonly device?: WebGpuDevice;
  /** Which GPU to ask for where there are two. */
  readonly powerPreference?: "low-power" | "high-performance";
  /**
   * Whether a GPU emulated on the CPU counts as one. It is right, but slower than `wasm`.
   * @default {true}
   */
  readonly software?: boolean;
  /** Folder URL of the runtime's `.wasm` files, where a bundler has moved them. */
  readonly assets?: string;
}

/**
 * Runs on `onnxruntime-web`'s WebGPU provider. `dtype: "float16"` needs a GPU with `shader-f16`, and is twice as
 * small; most pictures differ from float32's by 1/255 here and there.
 *
 * @example
 * ```ts
 * import { webgpu } from "@mobile-diffusion/sdk/backends/webgpu";
 * console.log(webgpu({ powerPreference: "high-performance" }).name); // "webgpu"
 * ```
 */
export function webgpu({ assets, device, ...options }: WebGpuOptions = {}): Backend {
  const devices = new DeviceSource({
    ...options,
    ...device !== undefined && { device: device as GPUDevice },
  });
  return {
    ...claim,
    async load(source, load = {}) {
      load.signal?.throwIfAborted();
      const { device: { features } } = await devices.get();
      const runtime = await importRuntime(assets);
      const program = await write(source, load, features);
      const { graph } = decodeModel(program.model as Uint8Array);
      if (usesFloat16(graph) && !features.has("shader-f16")) {
        throw new UnsupportedModelError(
          `Cannot load ${program.name} on webgpu: it computes in float16, and this GPU has no "shader-f16". ` +
            `Use dtype "float32" or "int8", or another backend.`,
        );
      }
      const queue = queueOf(runtime);
      if (features.has("subgroups" as GPUFeatureName)) refuseCausalAttention(graph, program.name);
      const onCpu = wrongConvolutions(graph, program.name);
      const open = async () =>
        await openWebGpuSession(program, { ...await devices.get(), runtime, queue, onCpu });
      return await openRunner({ ...program, queue, open }, load.signal);
    },
  };
}

const claim = { name: "webgpu", precisions: graphPrecisions } as const;

async function importRuntime(assets: string | undefined): Promise<Runtime> {
  try {
    const runtime: Runtime = await import("onnxruntime-web/webgpu");
    runtime.env.wasm.numThreads = 1; // the GPU computes; more threads would need shared memory, and fail in Deno
    if (assets !== undefined) runtime.env.wasm.wasmPaths = assets;
    return runtime;
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the webgpu backend: onnxruntime-web does not load here (${(cause as Error).message}).`,
      { cause },
    );
  }
}

async function write(
  source: PartSource,
  options: LoadOptions,
  features: GPUSupportedFeatures,
): Promise<Program> {
  switch (source.kind) {
    case "graph":
      return memoryProgram(bindGraph(source, options, claim), supportOf(features), options.dimensions);
    case "onnx":
      return await onnxProgram(source, { backend: "webgpu", lacking, options });
    case "coreml":
      throw new UnsupportedModelError(
        "Cannot load a Core ML model on webgpu: expected a graph or an ONNX model.",
      );
  }
}

/** A caller's device may have "subgroups", with which the provider's attention is wrong: it is written in plain operators. */
function supportOf(features: GPUSupportedFeatures): OperatorSupport {
  return {
    multiHeadAttention: !features.has("subgroups" as GPUFeatureName),
    quickGelu: true,
    fusedMatMul: true,
    preciseInstanceNorm: false,
  };
}

/** What onnxruntime's optimiser for CUDA writes and the WebGPU provider does not have. */
const lacking: ReadonlySet<string> = new Set(["GroupNorm", "SkipGroupNorm", "NhwcConv"]);
