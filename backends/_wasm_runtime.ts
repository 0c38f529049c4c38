/** Finds and sets up the WASM runtime of this platform. */
import { BackendUnavailableError } from "../core/errors.ts";
import type { Runtime } from "./_onnxruntime.ts";

/** How the runtime is set up. */
export interface WasmRuntimeOptions {
  readonly threads: number;
  readonly assets?: string;
}

/**
 * Imports the runtime. Where there is a Node interface (Deno, Node, Bun) it is the package's Node build, the only one
 * whose threads start there; in browsers it is the one without a GPU, half as large.
 */
export async function importWasmRuntime({ threads, assets }: WasmRuntimeOptions): Promise<Runtime> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  const onServer = process?.versions?.node !== undefined;
  try {
    const runtime: Runtime = await (onServer ? import("onnxruntime-web") : import("onnxruntime-web/wasm"));
    runtime.env.wasm.numThreads = threads;
    if (assets !== undefined) runtime.env.wasm.wasmPaths = assets;
    return runtime;
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the wasm backend: onnxruntime-web does not load here (${(cause as Error).message}).`,
      { cause },
    );
  }
}
