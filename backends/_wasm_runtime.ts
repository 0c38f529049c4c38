/** Finds and sets up the WASM runtime of this platform. */
import { BackendUnavailableError } from "../core/errors.ts";
import { importOptional } from "../core/platform.ts";
import { devServerFile } from "./_dev_server.ts";
import type { Runtime } from "./_onnxruntime.ts";

/** How the runtime is set up. */
export interface WasmSettings {
  readonly threads: number;
  readonly assets?: string;
}

/** Whether there is a Node interface: in Deno, Node and Bun. */
export function isServer(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}

/** The runtime's build for Node, Deno and Bun: the only one whose threads start there, and workers of Deno bear. */
export function importNodeBuild(): Promise<Runtime> {
  return importOptional<Runtime>("onnxruntime-web", "1.30.0");
}

/**
 * Imports the runtime and sets it up. It keeps the settings that it had when its first session was opened.
 *
 * @throws {BackendUnavailableError} If it does not load.
 */
export async function setUpRuntime(
  build: () => Promise<Runtime>,
  { threads, assets }: WasmSettings,
): Promise<Runtime> {
  try {
    const runtime = await build();
    const { wasm } = runtime.env;
    wasm.numThreads = threads;
    const paths = assets ?? await devServerFile("ort-wasm-simd-threaded.wasm");
    if (paths !== undefined) wasm.wasmPaths = paths;
    return runtime;
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the wasm backend: onnxruntime-web does not load here (${(cause as Error).message}).`,
      { cause },
    );
  }
}
