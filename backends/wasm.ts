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
import { openSession, type Runtime } from "./_onnxruntime.ts";
import type { Program } from "./_program.ts";
import { Queue } from "../core/queue.ts";
import { queueOf } from "./_queue.ts";
import type { Session } from "./_session.ts";
import { openRunner } from "./_session_runner.ts";
import { importNodeBuild, isServer, setUpRuntime, type WasmSettings } from "./_wasm_runtime.ts";
import { openWorkerSession, WorkerStartError } from "./_worker_session.ts";

/** Options of {@linkcode wasm}. */
export interface WasmOptions {
  /**
   * Threads, 1 or more. More than one needs shared memory: in browsers, a page that is cross-origin isolated. In Deno
   * the threads of a worker outlive it: ask for more than one there only if models are loaded once, or in place.
   * @default {the number of processors, at most 8; 1 where memory cannot be shared, and in workers of Deno}
   */
  readonly threads?: number;
  /**
   * Whether each program runs in a worker, or the address of the worker's script where a bundler has put it (that of
   * `@mobile-diffusion/sdk/backends/wasm_worker`). Where no worker starts, and with `false`, programs run in place.
   * @default {true}
   */
  readonly worker?: boolean | string | URL;
  /** Folder URL of the runtime's `.mjs` and `.wasm` files, where a bundler has moved them. */
  readonly assets?: string;
  /** Told why programs run in place although a worker was wanted. */
  readonly onWarning?: ((message: string) => void) | undefined;
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
export function wasm({ threads, worker = true, assets, onWarning }: WasmOptions = {}): Backend {
  let inPlace = worker === false;
  const script = typeof worker === "boolean" ? undefined : worker;
  const settings = (inWorker: boolean): WasmSettings => ({
    threads: threads ?? defaultThreads(inWorker),
    ...assets !== undefined && { assets },
  });
  return {
    ...claim,
    async load(source, options = {}) {
      const program = await write(source, options);
      const open = async (signal?: AbortSignal) => {
        if (inPlace) return await openInPlace(program, settings(false));
        try {
          return await openWorkerSession(program, { ...settings(true), script }, signal);
        } catch (error) {
          if (!(error instanceof WorkerStartError)) throw error;
          if (!inPlace) onWarning?.(`${error.message}. Programs run in place: ${consequences}.`);
          inPlace = true;
          return await openInPlace(program, settings(false));
        }
      };
      return await openRunner({ program, queue: new Queue(), open }, options.signal);
    },
  };
}

const claim = { name: "wasm", precisions: graphPrecisions } as const;

const consequences = "nothing else happens during a run, and a signal is seen after it";

const browserBuild = (): Promise<Runtime> => import("onnxruntime-web/wasm");

/** A bundle may have come without its packages: its build for browsers runs on one thread. */
async function setUpOnServer(settings: WasmSettings): Promise<Runtime> {
  return await setUpRuntime(importNodeBuild, settings).catch(() =>
    setUpRuntime(browserBuild, { ...settings, threads: 1 })
  );
}

/** A session on this thread; all of them share one instance of the runtime, and wait for each other. */
async function openInPlace(program: Program, settings: WasmSettings): Promise<Session> {
  const runtime = await (isServer() ? setUpOnServer(settings) : setUpRuntime(browserBuild, settings));
  const queue = queueOf(runtime);
  const session = await queue.run(() => openSession(runtime, program, { executionProviders: ["wasm"] }));
  return {
    ...session,
    run: (feeds, keep) => queue.run(() => session.run(feeds, keep)),
    release: () => queue.run(() => session.release()),
  };
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
  return shared ? Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, 8) : 1;
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
