/**
 * ONNX Runtime's native library reports its use to its maker unless it is told not to, before it is loaded: it keeps a
 * device's identity and a queue of events in the user's cache, and looks its maker's host up.
 */
import { BackendUnavailableError } from "../core/errors.ts";

/** The library's own switch, read from the environment of the process. */
const variable = "ORT_DISABLE_TELEMETRY";

/** The part of Deno that is used here. */
interface DenoFfi {
  readonly build: { readonly os: string };
  dlopen(path: string, symbols: Record<string, unknown>): {
    readonly symbols: { setenv(name: Uint8Array, value: Uint8Array, overwrite: number): number };
    close(): void;
  };
}

/**
 * Switches telemetry off for this process.
 *
 * @throws {BackendUnavailableError} If the environment cannot be changed: the library is then not loaded.
 */
export function disableTelemetry(): void {
  const { process, Deno } = globalThis as unknown as {
    process?: { env: Record<string, string | undefined> };
    Deno?: DenoFfi;
  };
  try {
    // In Deno by the C library: --allow-ffi is there, and nobody is asked for --allow-env besides.
    if (Deno !== undefined && Deno.build.os in libraries) setenv(Deno);
    else if (process !== undefined) process.env[variable] = "1";
  } catch (cause) {
    throw new BackendUnavailableError(
      `Cannot use the native backend: its library reports its use unless ${variable} is set, and the environment ` +
        `cannot be changed here (${(cause as Error).message}). In Deno it needs --allow-ffi, on Windows ` +
        `--allow-env=${variable}.`,
      { cause },
    );
  }
}

/** The C library of each system, which every native program shares. */
const libraries: Readonly<Record<string, string>> = { linux: "libc.so.6", darwin: "libSystem.dylib" };

function setenv({ build, dlopen }: DenoFfi): void {
  const encode = (text: string) => new TextEncoder().encode(`${text}\0`);
  const parameters = ["buffer", "buffer", "i32"];
  const library = dlopen(libraries[build.os]!, { setenv: { parameters, result: "i32" } });
  try {
    library.symbols.setenv(encode(variable), encode("1"), 1);
  } finally {
    library.close();
  }
}
