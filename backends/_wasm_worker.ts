/// <reference lib="webworker" />
/** The worker's side of {@linkcode openWorkerSession}: one session, one request at a time. */
import { openSession, type SessionOptions } from "./_onnxruntime.ts";
import type { PortTensor } from "./_port_tensor.ts";
import type { ExternalFile } from "./_program.ts";
import type { Session } from "./_session.ts";
import { importWasmRuntime, type WasmRuntimeOptions } from "./_wasm_runtime.ts";

/** What the worker is told. A `file` has no reply. */
export type Request =
  | { readonly kind: "file" } & ExternalFile
  | {
    readonly kind: "load";
    readonly model: Uint8Array;
    readonly options: SessionOptions;
    readonly runtime: WasmRuntimeOptions;
  }
  | { readonly kind: "run"; readonly feeds: Readonly<Record<string, PortTensor>> };

/** What it answers. */
export type Reply = { readonly value: unknown } | { readonly error: string };

const files: ExternalFile[] = [];
let session: Session | undefined;

globalThis.onmessage = async ({ data: request }: MessageEvent<Request>) => {
  try {
    const [value, transfer] = await serve(request);
    if (request.kind !== "file") postMessage({ value } satisfies Reply, { transfer });
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Reply);
  }
};

async function serve(request: Request): Promise<[value: unknown, transfer: Transferable[]]> {
  switch (request.kind) {
    case "file":
      files.push(request);
      return [undefined, []];
    case "load": {
      const runtime = await importWasmRuntime(request.runtime);
      session = await openSession(runtime, request.model, { ...request.options, externalData: files.splice(0) });
      return [{ inputs: session.inputs, outputs: session.outputs }, []];
    }
    case "run": {
      const outputs = await session!.run(request.feeds, new Set()) as Record<string, PortTensor>;
      return [outputs, Object.values(outputs).map(({ data }) => data.buffer as ArrayBuffer)];
    }
  }
}
