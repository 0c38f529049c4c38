/**
 * The native backend: `onnxruntime-node`, the fastest way to run on a CPU. Weights stay in their file: the model's
 * external data names the safetensors file by its path, and the runtime maps it. The model itself is a few hundred
 * kilobytes in memory, so nothing is written to disk.
 *
 * A path in a model must lie in the model's folder (the runtime refuses others, and symbolic links that lead out of
 * it), but a model in memory has no folder of its own: we say that it is the root of the file system.
 *
 * @module
 */
import { isAbsolute, parse, relative, resolve } from "node:path";
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import { type OperatorSupport, type Placement, type StoredType, writeOnnx } from "../graph/onnx.ts";
import type { WeightDtype, WeightInfo } from "../weights/weights.ts";
import type { Backend, GraphSource, LoadOptions, PartSource, Runner } from "./backend.ts";
import { openSession, type Runtime, type SessionOptions } from "./_onnxruntime.ts";
import { bindWeights, fixedDimensions, memoryProgram, type Program } from "./_program.ts";
import { queueOf } from "./_queue.ts";
import { openRunner } from "./_session_runner.ts";

/** Options of {@linkcode native}. */
export interface NativeOptions {
  /**
   * What computes: `cpu` everywhere, `coreml` on Apple machines, `webgpu` and `dml` (Windows) where the package
   * ships them.
   * @default {"cpu"}
   */
  readonly provider?: "cpu" | "coreml" | "webgpu" | "dml" | "cuda";
  /**
   * Threads of one operation, 1 or more.
   * @default {the number of physical cores}
   */
  readonly threads?: number;
  /** Told when weights cannot be mapped from their file and are held in memory, at twice their size. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Runs on `onnxruntime-node`. Deno asks for `--allow-ffi` and `--allow-read`.
 *
 * @example
 * ```ts
 * import { native } from "@mobile-diffusion/sdk/backends/native";
 * console.log(native({ threads: 4 }).name); // "native"
 * ```
 */
export function native(options: NativeOptions = {}): Backend {
  return { name: "native", load: (source, loadOptions) => load(source, loadOptions ?? {}, options) };
}

async function load(source: PartSource, options: LoadOptions, { provider = "cpu", threads, onWarning }: NativeOptions): Promise<Runner> {
  if (source.kind !== "graph") {
    throw new UnsupportedModelError(`Cannot load a ${source.kind} model on native: expected a graph.`);
  }
  const runtime = await importRuntime();
  const program = graphProgram(source, options, onWarning);
  const open = async (): Promise<Awaited<ReturnType<typeof openSession>>> => {
    const files = await Array.fromAsync(program.files());
    const sessionOptions: SessionOptions = {
      executionProviders: [provider],
      freeDimensionOverrides: fixedDimensions(source.graph, options.dimensions),
      ...threads !== undefined && { intraOpNumThreads: threads },
      ...files.length > 0 && { externalData: files },
      ...program.folder !== undefined && {
        extra: { session: { model_external_initializers_file_folder_path: program.folder } },
      },
    };
    return await openSession(runtime, program.model, sessionOptions);
  };
  return await openRunner({ name: program.name, queue: queueOf(runtime), open }, options.signal);
}

async function importRuntime(): Promise<Runtime> {
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the native backend: onnxruntime-node does not load here (${(cause as Error).message}). ` +
        `It needs Linux, macOS or Windows, and --allow-ffi in Deno.`,
      { cause },
    );
  }
}

function graphProgram(source: GraphSource, { dtype }: LoadOptions, onWarning?: (message: string) => void): Program {
  const compute = dtype === "float16" ? "float16" : "float32";
  return mappedProgram(source, compute, onWarning) ?? memoryProgram(source, { support, compute });
}

/** A graph whose weights stay in their files, or `undefined` where they cannot. */
function mappedProgram(
  { graph, weights }: GraphSource,
  compute: "float32" | "float16",
  onWarning?: (message: string) => void,
): Program | undefined {
  const infos = bindWeights(graph, weights);
  const root = parse(resolve(".")).root;
  const obstacle = [...infos].find(([, { dtype, file }]) => types[dtype] === undefined || file === undefined);
  if (obstacle !== undefined) {
    onWarning?.(`The weights of ${graph.name} are held in memory: "${obstacle[0]}" has no place on disk in a type that runs.`);
    return undefined;
  }
  const place = ({ key }: { key: string }): Placement => mapped(infos.get(key)!, root);
  return {
    name: graph.name,
    model: writeOnnx(graph, { place, support, compute }),
    folder: root,
    async *files() {},
  };
}

function mapped({ dtype, file }: WeightInfo, root: string): Placement {
  const { path, offset, length } = file!;
  const location = relative(root, resolve(path));
  if (isAbsolute(location)) throw new Error("another drive");
  return { location: location.replaceAll("\\", "/"), offset, length, type: types[dtype]! };
}

/** What the runtime can read and cast by itself. */
const types: Readonly<Partial<Record<WeightDtype, StoredType>>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

const support: OperatorSupport = { multiHeadAttention: true, quickGelu: true, fusedMatMul: true };
