/** What is said between a session in a worker and the side that opened it. */
import type { PortTensor } from "./_port_tensor.ts";
import type { ExternalFile, Program } from "./_program.ts";
import type { WasmSettings } from "./_wasm_runtime.ts";

/** What the worker is told: to start and to hold a lock while it lives, then the files, then to load, then to run. A `file` has no reply. */
export type Request =
  | { readonly kind: "start"; readonly settings: WasmSettings; readonly lock?: string }
  | { readonly kind: "file" } & ExternalFile
  | { readonly kind: "load" } & Pick<Program, "name" | "model" | "dimensions">
  | { readonly kind: "run"; readonly feeds: Readonly<Record<string, PortTensor>> };

/** What it answers. */
export type Reply = { readonly value: unknown } | { readonly error: ReplyError };

/** An error, as it crosses from one thread to another. */
export type ReplyError = Pick<Error, "name" | "message">;
