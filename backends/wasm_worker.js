/**
 * The worker of the wasm backend in browsers. It is JavaScript, so that one address is right in the source, in packages
 * and for bundlers, which rewrite what is imported but not what is only named; and it imports the runtime statically,
 * since some bundlers make one file of a worker.
 *
 * @module
 */
// @ts-self-types="./wasm_worker.d.ts"
import * as runtime from "onnxruntime-web/wasm";
import { serveSession } from "./_wasm_service.ts";

// In such a file the runtime's own threads begin here too.
if (globalThis.name !== "em-pthread") serveSession(() => Promise.resolve(runtime));
