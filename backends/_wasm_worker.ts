/** The worker's side of {@linkcode openWorkerSession}: one session, one request at a time. */
import { holdForLife } from "./_life_lock.ts";
import { openSession } from "./_onnxruntime.ts";
import type { PortTensor } from "./_port_tensor.ts";
import type { ExternalFile, Program } from "./_program.ts";
import type { Session } from "./_session.ts";
import { importWasmRuntime, type WasmRuntimeOptions } from "./_wasm_runtime.ts";

/** What the worker is told: to hold a lock while it lives, then the files, then to load, then to run. A `file` has no reply. */
export type Request =
  | { readonly kind: "hold"; readonly lock: string }
  | { readonly kind: "file" } & ExternalFile
  | { readonly kind: "load"; readonly settings: WasmRuntimeOptions }
    & Pick<Program, "name" | "model" | "dimensions">
  | { readonly kind: "run"; readonly feeds: Readonly<Record<string, PortTensor>> };

/** What it answers. */
export type Reply = { readonly value: unknown } | { readonly error: ReplyError };

/** An error, as it crosses from one thread to another. */
export type ReplyError = Pick<Error, "name" | "message">;

const received: ExternalFile[] = [];
let session: Session | undefined;

/** A package may not bring the types of workers along. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(reply: Reply, options?: { readonly transfer: Transferable[] }): void;
};

scope.onmessage = async ({ data: request }) => {
  try {
    const [value, transfer] = await serve(request);
    if (request.kind !== "file") scope.postMessage({ value }, { transfer });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    scope.postMessage({ error: { name, message } });
  }
};

async function serve(request: Request): Promise<[value: unknown, transfer: Transferable[]]> {
  switch (request.kind) {
    case "hold":
      await holdForLife(request.lock);
      return [undefined, []];
    case "file":
      received.push(request);
      return [undefined, []];
    case "load": {
      const runtime = await importWasmRuntime(request.settings);
      const files = async function* () {
        yield* received.splice(0);
      };
      session = await openSession(runtime, { ...request, files }, { executionProviders: ["wasm"] });
      return [{ inputs: session.inputs, outputs: session.outputs }, []];
    }
    case "run": {
      const outputs = await session!.run(request.feeds, new Set()) as Record<string, PortTensor>;
      return [outputs, Object.values(outputs).map(({ data }) => data.buffer as ArrayBuffer)];
    }
  }
}
