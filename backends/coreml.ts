/**
 * Core ML through Deno's FFI: Apple's compiled models on Apple's hardware, with no Swift and no compiled glue.
 *
 * Everything that Core ML does is reached through `objc_msgSend`, a single C function that stands for every method
 * of every Objective-C class. That is all that a foreign function interface needs. What it takes beyond that is care
 * with four things, and each has its place in `coreml/`:
 *
 * 1. *Signatures.* `objc_msgSend` must be called with the very types of the method behind it. `_messages.ts` is the
 *    table of the methods in use.
 * 2. *Ownership.* Objects are reference-counted, and many are given up to an autorelease pool, which belongs to a
 *    thread. So all calls are made on one thread, and each is wrapped in one pool (`_objc.ts`, `_engine.ts`).
 * 3. *Time.* A prediction takes long and cannot be interrupted. So the thread is a worker's: the event loop stays
 *    free, and an aborted call rejects at once while Core ML finishes unheard (`_engine_queue.ts`).
 * 4. *Memory.* Inputs are our memory, wrapped without a copy; outputs may have padded rows (`_multi_array.ts`).
 *
 * Objective-C exceptions cannot cross the border (they end the process), so inputs are checked before they are sent;
 * what Core ML itself refuses comes back as an `NSError`, and is thrown in its own words.
 *
 * Permission: `--allow-ffi`, without a list of libraries. Where the SDK is a folder on disk, and no published package,
 * the worker's module must be readable as well (`--allow-read`); with `worker: false` it need not.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import { CoreMLBackend } from "./coreml/_backend.ts";
import { appleFrameworks } from "./coreml/_frameworks.ts";

/** Options of {@linkcode coreml}. */
export interface CoreMLOptions {
  /**
   * The processors that Core ML may choose from. Models converted with `SPLIT_EINSUM` attention are made for the
   * Neural Engine (needs macOS 13), those with `ORIGINAL` attention for the GPU.
   * @default {"all"}
   */
  readonly computeUnits?: "all" | "cpuOnly" | "cpuAndGPU" | "cpuAndNeuralEngine";
  /**
   * Folder that keeps the compilations of `.mlpackage`s.
   * @default {"~/Library/Caches/mobile-diffusion/coreml"}
   */
  readonly cacheFolder?: string;
  /**
   * Whether predictions run in a worker. In place they block the event loop.
   * @default {true}
   */
  readonly worker?: boolean;
}

/**
 * A backend for models in Core ML's own form: `.mlmodelc`, or `.mlpackage`, which is compiled at its first use.
 * `load` throws a `BackendUnavailableError` elsewhere than in Deno on macOS.
 *
 * Numbers are those of the compiled model: `LoadOptions.dtype` is refused, and `dimensions` say nothing. Half precision
 * is widened and narrowed at the border. Models have fixed sizes; other ones are a `RangeError`.
 *
 * @example
 * ```ts
 * import { coreml } from "@mobile-diffusion/sdk/backends/coreml";
 * console.log(coreml({ computeUnits: "cpuAndNeuralEngine" }).name); // "coreml"
 * ```
 *
 * @example A model on its own
 * ```ts ignore
 * await using encoder = await coreml().load({ kind: "coreml", path: "Resources/TextEncoder.mlmodelc" });
 * const input_ids = { data: new Float32Array(77).fill(49407), shape: [1, 77] };
 * const { last_hidden_state } = await encoder.run({ input_ids });
 * ```
 */
export function coreml(options: CoreMLOptions = {}): Backend {
  return new CoreMLBackend(options, appleFrameworks);
}
