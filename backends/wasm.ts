/**
 * The WASM backend: `onnxruntime-web` on the CPU, in browsers and in Deno, where `--allow-read` is all it needs.
 *
 * Each program runs in a worker of its own by default. A run on the calling thread would stop timers and signals for
 * its whole length, could not be abandoned, and its heap would never shrink; a worker's is dropped with it. It also
 * has the 4 GiB that 32-bit WASM can address to itself.
 *
 * @module
 */
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import type { OperatorSupport } from "../graph/onnx.ts";
import type { Backend, LoadOptions, PartSource } from "./backend.ts";
import { bindGraph, graphPrecisions, memoryProgram } from "./_graph_program.ts";
import { checkMemory } from "./memory_plan.ts";
import { onnxProgram } from "./_onnx_program.ts";
import { openSession } from "./_onnxruntime.ts";
import type { Program } from "./_program.ts";
import { Queue } from "../core/queue.ts";
import { queueOf } from "./_queue.ts";
import { openRunner, type SessionRunnerOptions } from "./_session_runner.ts";
import { importWasmRuntime, type WasmRuntimeOptions } from "./_wasm_runtime.ts";
import { openWorkerSession } from "./_worker_session.ts";

/** Options of {@linkcode wasm}. */
export interface WasmOptions {
  /**
   * Threads, 1 or more. More than one needs shared memory: in browsers, a page that is cross-origin isolated. In Deno
   * the threads of a worker outlive it: ask for more than one there only if models are loaded once, or in place.
   * @default {the number of processors, at most 8; 1 where memory cannot be shared, and in workers of Deno}
   */
  readonly threads?: number;
  /**
   * Whether each program runs in a worker. `false` runs it in place: for tests, and where there are no workers.
   * @default {true}
   */
  readonly worker?: boolean;
  /** Folder URL of the runtime's `.wasm` files, where a bundler has moved them. */
  readonly assets?: string;
}

/**
 * Runs on `onnxruntime-web`'s WASM. An abandoned run ends its worker; the next run reads the weights again, so they
 * must stay open as long as the runner.
 *
 * @example
 * ```ts
 * import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
 * console.log(wasm({ threads: 1 }).name); // "wasm"
 * ```
 */
export function wasm({ threads, worker = true, assets }: WasmOptions = {}): Backend {
  return {
    ...claim,
    async load(source, options = {}) {
      const runtime = { threads: threads ?? defaultThreads(worker), ...assets !== undefined && { assets } };
      return await openRunner(await prepare(source, options, runtime, worker), options.signal);
    },
  };
}

const claim = { name: "wasm", precisions: graphPrecisions } as const;

async function prepare(
  source: PartSource,
  options: LoadOptions,
  settings: WasmRuntimeOptions,
  worker: boolean,
): Promise<SessionRunnerOptions> {
  const program = await write(source, options);
  if (worker) {
    const open = (signal?: AbortSignal) => openWorkerSession(program, settings, signal);
    return { program, queue: new Queue(), open };
  }
  const runtime = await importWasmRuntime(settings);
  const open = () => openSession(runtime, program, { executionProviders: ["wasm"] });
  return { program, queue: queueOf(runtime), open };
}

async function write(source: PartSource, options: LoadOptions): Promise<Program> {
  const { dimensions } = options;
  switch (source.kind) {
    case "graph": {
      const bound = bindGraph(source, options, claim);
      checkMemory(bound.graph, bound.precision, { backend: "wasm", limit: 2 ** 32, sizes: dimensions });
      return memoryProgram(bound, support, dimensions);
    }
    case "onnx":
      return await onnxProgram(source, { backend: "wasm", lacking, options });
    case "coreml":
      throw new UnsupportedModelError(
        "Cannot load a Core ML model on wasm: expected a graph or an ONNX model.",
      );
  }
}

/**
 * Deno cannot end a thread that sleeps in `Atomics.wait`, as the runtime's idle ones do: it outlives its worker
 * and keeps the heap. So a worker has one thread there, unless more are asked for.
 */
function defaultThreads(worker: boolean): number {
  if (typeof WebAssembly === "undefined") {
    throw new BackendUnavailableError("Cannot use the wasm backend: this platform has no WebAssembly.");
  }
  if (worker && "Deno" in globalThis) return 1;
  const shared = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true;
  return shared ? Math.min(navigator.hardwareConcurrency, 8) : 1;
}

/**
 * Measured by `deno task bench operators`; see `graph/_lowering.ts`. MultiHeadAttention is no faster here, and fails
 * where queries × keys × width of a head exceed 2³⁰ (32-bit arithmetic), as in a VAE's middle at 512 × 512.
 */
const support: OperatorSupport = {
  multiHeadAttention: false,
  quickGelu: true,
  fusedMatMul: true,
  preciseInstanceNorm: true,
};

/** What onnxruntime's optimiser for CUDA writes and the CPU provider does not have. */
const lacking: ReadonlySet<string> = new Set([
  "GroupNorm",
  "SkipGroupNorm",
  "NhwcConv",
  "BiasAdd",
  "BiasSplitGelu",
]);
