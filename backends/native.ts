/**
 * The native backend: `onnxruntime-node`, the fastest way to run on a CPU.
 *
 * Weights stay in their file, which the runtime maps; the model itself is a few hundred kilobytes in memory. So a
 * network takes little more memory than its weights, and loading writes nothing to disk unless weights are computed.
 *
 * The package runs a session on the calling thread: nothing else happens during a run, and a signal is seen after it.
 *
 * @module
 */
import { importOptional } from "../core/platform.ts";
import { BackendUnavailableError, UnsupportedModelError, WeightsError } from "../core/errors.ts";
import type { OperatorSupport } from "../graph/onnx.ts";
import { bindGraph, graphPrecisions, memoryProgram } from "./_graph_program.ts";
import { mappedProgram } from "./_mapped_program.ts";
import { openSession, type Runtime } from "./_onnxruntime.ts";
import { onnxProgram } from "./_onnx_program.ts";
import type { Program } from "./_program.ts";
import { disableTelemetry } from "./_telemetry.ts";
import { queueOf } from "./_queue.ts";
import { openRunner } from "./_session_runner.ts";
import type { Backend, LoadOptions, PartSource, Runner } from "./backend.ts";

/** Options of {@linkcode native}. */
export interface NativeOptions {
  /**
   * What computes: `cpu` everywhere; `coreml` on Apple machines, `dml` on Windows, `webgpu` where the package ships it.
   * @default {"cpu"}
   */
  readonly provider?: "cpu" | "coreml" | "dml" | "webgpu" | "cuda";
  /**
   * Threads of one operation, 1 or more.
   * @default {the number of physical cores}
   */
  readonly threads?: number;
  /**
   * Where computed weights (8 bits, merged adapters) are put while a network is loaded.
   * @default {the system's folder for temporary files}
   */
  readonly scratchFolder?: string;
  /** Told when weights cannot be mapped from files and are held in memory, at 2.7 times their size. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Runs on `onnxruntime-node`, in Deno with `--allow-ffi --allow-read`. Weights that are computed also want
 * `--allow-write` and `--allow-env` for a scratch file; without them they are held in memory.
 *
 * @example
 * ```ts
 * import { native } from "@mobile-diffusion/sdk/backends/native";
 * console.log(native({ threads: 4 }).name); // "native"
 * ```
 */
export function native(options: NativeOptions = {}): Backend {
  return { ...claim, load: (source, loadOptions = {}) => load(source, loadOptions, options) };
}

const claim = { name: "native", precisions: graphPrecisions } as const;

async function load(source: PartSource, options: LoadOptions, settings: NativeOptions): Promise<Runner> {
  options.signal?.throwIfAborted();
  const runtime = await importRuntime();
  const program = await prepare(source, options, settings);
  const { provider = "cpu", threads } = settings;
  const open = () =>
    openSession(runtime, program, {
      executionProviders: [provider],
      ...threads !== undefined && { intraOpNumThreads: threads },
    });
  return await openRunner({ program, queue: queueOf(runtime), open }, options.signal);
}

async function importRuntime(): Promise<Runtime> {
  disableTelemetry();
  try {
    return await importOptional<Runtime>("onnxruntime-node", "1.30.0");
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the native backend: onnxruntime-node does not load here (${(cause as Error).message}). ` +
        `It needs Linux, macOS or Windows, in Deno --allow-ffi, and the package: "npm install onnxruntime-node@1.30.0", ` +
        `in Deno "deno add npm:onnxruntime-node@1.30.0".`,
      { cause },
    );
  }
}

async function prepare(
  source: PartSource,
  options: LoadOptions,
  { scratchFolder, onWarning }: NativeOptions,
): Promise<Program> {
  const { dimensions } = options;
  switch (source.kind) {
    case "graph": {
      const bound = bindGraph(source, options, claim);
      try {
        return await mappedProgram(bound, { support, dimensions, scratchFolder });
      } catch (error) {
        if (error instanceof WeightsError) throw error;
        onWarning?.(`The weights of ${source.graph.name} are held in memory: ${(error as Error).message}.`);
        return memoryProgram(bound, support, dimensions);
      }
    }
    case "onnx":
      return await onnxProgram(source, {
        backend: "native",
        lacking,
        options,
        readsFiles: true,
        onWarning,
      });
    case "coreml":
      throw new UnsupportedModelError(
        "Cannot load a Core ML model on native: expected a graph or an ONNX model.",
      );
  }
}

/** Measured by `deno task bench operators`; see `graph/_lowering.ts`. */
const support: OperatorSupport = {
  multiHeadAttention: true,
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
