/** The worker's side of {@linkcode openWorkerSession}: one session, one request at a time. */
import { holdForLife } from "./_life_lock.ts";
import { openSession, type Runtime } from "./_onnxruntime.ts";
import type { PortTensor } from "./_port_tensor.ts";
import type { ExternalFile } from "./_program.ts";
import type { Session } from "./_session.ts";
import { setUpRuntime } from "./_wasm_runtime.ts";
import type { Reply, Request } from "./_worker_protocol.ts";

/** What is used of the worker's scope; a package may not bring the types of workers along. */
interface Scope {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(reply: Reply, options?: { readonly transfer: Transferable[] }): void;
}

/** Answers whatever this worker is asked, with a build of the runtime. */
export function serveSession(build: () => Promise<Runtime>): void {
  const service = new Service(build);
  const scope = globalThis as unknown as Scope;
  scope.onmessage = async ({ data: request }) => {
    try {
      const [value, transfer] = await service.serve(request);
      if (request.kind !== "file") scope.postMessage({ value }, { transfer });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      scope.postMessage({ error: { name, message } });
    }
  };
}

class Service {
  readonly #build: () => Promise<Runtime>;
  readonly #received: ExternalFile[] = [];
  #runtime: Runtime | undefined;
  #session: Session | undefined;

  constructor(build: () => Promise<Runtime>) {
    this.#build = build;
  }

  async serve(request: Request): Promise<[value: unknown, transfer: Transferable[]]> {
    switch (request.kind) {
      case "start":
        if (request.lock !== undefined) await holdForLife(request.lock);
        this.#runtime = await setUpRuntime(this.#build, request.settings);
        return [undefined, []];
      case "file":
        this.#received.push(request);
        return [undefined, []];
      case "load": {
        const received = this.#received.splice(0);
        const files = async function* () {
          yield* received.splice(0);
        };
        const program = { ...request, files };
        this.#session = await openSession(this.#runtime!, program, { executionProviders: ["wasm"] });
        return [{ inputs: this.#session.inputs, outputs: this.#session.outputs }, []];
      }
      case "run": {
        const outputs = await this.#session!.run(request.feeds, new Set()) as Record<string, PortTensor>;
        return [outputs, Object.values(outputs).map(({ data }) => data.buffer as ArrayBuffer)];
      }
    }
  }
}
