/**
 * The worker of the wasm backend, an entry for bundlers that do not find workers by themselves (esbuild); see `worker`
 * in the options of `wasm`. It exports nothing.
 *
 * @module
 */
export {};
