/**
 * The platform's own `Worker`, kept from the time of import: in Deno `onnxruntime-web`, run in place, puts Node's class
 * of this name into the global scope, which is another thing.
 */
export const PlatformWorker: typeof Worker | undefined = globalThis.Worker;
