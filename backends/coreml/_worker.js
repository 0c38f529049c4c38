/**
 * The worker's program: an engine behind a message port. It is JavaScript, so that its address is the same in the
 * source and in packages.
 *
 * @module
 */
import { serveEngine } from "./_engine_worker.ts";

serveEngine();
