/**
 * One call of a WASM codec of jSquash, on a fresh instance: an instance never gives back the memory that it
 * once had, and one that failed is in an unknown state.
 */
import { builtin } from "../core/platform.ts";
import { damaged, type ImageFormat } from "./_header.ts";

/** What a codec gets: where its messages go, and its program where it cannot fetch it. */
export interface CodecOptions {
  readonly noInitialRun: true;
  readonly printErr: (line: string) => void;
  readonly onRuntimeInitialized: () => void;
  readonly wasmBinary?: Uint8Array;
}

/**
 * Calls a codec and gives its result and messages. A failure before the program runs, such as a missing
 * permission, is passed on; one after it is the file's fault.
 */
export async function callCodec<T>(
  format: ImageFormat,
  resolveProgram: () => string,
  call: (options: CodecOptions) => Promise<T>,
): Promise<{ result: T; messages: readonly string[] }> {
  const messages: string[] = [];
  let running = false;
  const options: CodecOptions = {
    noInitialRun: true,
    printErr: (line) => void messages.push(line),
    onRuntimeInitialized: () => void (running = true),
    ...await program(resolveProgram),
  };
  try {
    return { result: await call(options), messages };
  } catch (cause) {
    throw running ? damaged(format, messages[0] ?? "its pixels cannot be read", cause) : cause;
  }
}

/**
 * Deno, Bun and browsers fetch the program that lies beside its module; Node's `fetch` reads no files, so
 * there it is read.
 */
async function program(resolveProgram: () => string): Promise<{ wasmBinary?: Uint8Array }> {
  const { process, Deno } = globalThis as { process?: { release?: { name?: string } }; Deno?: unknown };
  if (process?.release?.name !== "node" || Deno !== undefined) return {};
  const { readFile } = builtin("node:fs/promises");
  return { wasmBinary: await readFile(new URL(resolveProgram())) };
}
