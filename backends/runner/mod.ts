/**
 * For a backend of one's own: a runtime is wrapped as a {@linkcode Session}, and {@linkcode sessionRunner} makes the
 * whole contract of a runner of it; or a function computes, and {@linkcode hostRunner} does. Weights come in the type
 * that is asked for, from {@linkcode openGraph}. `testBackend` of `./testing` checks the result as ours are checked.
 *
 * @example A backend in a few lines
 * ```ts
 * import type { Backend } from "@mobile-diffusion/sdk/backends";
 * import { graphPorts, HOST_PRECISIONS, openGraph, sessionRunner } from "@mobile-diffusion/sdk/backends/runner";
 *
 * const nothing: Backend = {
 *   name: "nothing",
 *   precisions: HOST_PRECISIONS,
 *   load(source, { dtype, dimensions } = {}) {
 *     const { graph } = openGraph(source, { backend: "nothing", operators: [], dtype }); // refuses what computes
 *     const ports = graphPorts(graph, dimensions);
 *     const session = { ...ports, run: () => Promise.resolve({}), release: () => Promise.resolve() };
 *     return Promise.resolve(sessionRunner(session, { name: graph.name }));
 *   },
 * };
 * console.log(nothing.name);
 * ```
 *
 * @module
 */
export {
  type Compute,
  graphPorts,
  HOST_PRECISIONS,
  type HostGraph,
  hostRunner,
  type OpenGraph,
  openGraph,
  type OpenGraphOptions,
  readGraph,
  type ReadGraphOptions,
} from "./host_runner.ts";
export type * from "./session.ts";
export { type SessionProgram, sessionRunner } from "./session_runner.ts";
