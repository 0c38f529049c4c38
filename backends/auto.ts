/**
 * The backend for whoever does not want to choose: the first of a list that works on this machine.
 *
 * @module
 */
import { BackendUnavailableError } from "../core/errors.ts";
import type { Backend, LoadOptions, PartSource } from "./backend.ts";
import { native } from "./native.ts";
import { hasPrecision, precisionName } from "./precision.ts";
import { wasm } from "./wasm.ts";
import { webgpu } from "./webgpu.ts";

/** Options of {@linkcode auto}. */
export interface AutoOptions {
  /**
   * Backends in the order in which they are tried.
   * @default {[webgpu({ software: false }), native(), wasm()]; in Deno native only where FFI is allowed already}
   */
  readonly order?: readonly Backend[];
  /** Told which backend was passed over, and why. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Tries backends in turn. Only a `BackendUnavailableError` leads to the next one: any other error is the model's or
 * the caller's, and would only be hidden. Those that lack the precision asked for are passed over. The one that loads a program first loads all later ones, so that they can
 * hand each other tensors.
 *
 * @example
 * ```ts
 * import { auto } from "@mobile-diffusion/sdk/backends";
 * import { hasPrecision, precisionName } from "./precision.ts";
import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
 *
 * console.log(auto({ order: [wasm()] }).name); // "auto"
 * ```
 */
export function auto(
  {
    onWarning,
    order = [webgpu({ software: false }), ...mayUseFfi() ? [native({ onWarning })] : [], wasm({ onWarning })],
  }: AutoOptions = {},
): Backend {
  let chosen: Backend | undefined;
  return {
    name: "auto",
    ...unionOf(order),
    async load(source, options) {
      const reasons: string[] = [];
      for (const backend of chosen === undefined ? able(order, source, options) : [chosen]) {
        try {
          const runner = await backend.load(source, options);
          chosen ??= backend;
          return runner;
        } catch (error) {
          if (!(error instanceof BackendUnavailableError)) throw error;
          reasons.push(error.message);
          onWarning?.(error.message);
        }
      }
      throw new BackendUnavailableError(`Cannot use any backend. ${reasons.join(" ")}`);
    },
  };
}

/** The precisions that one of some backends has; nothing where one does not say. */
function unionOf(order: readonly Backend[]): Pick<Backend, "precisions"> {
  if (order.some(({ precisions }) => precisions === undefined)) return {};
  const all = order.flatMap(({ precisions }) => precisions!);
  return { precisions: [...new Map(all.map((each) => [precisionName(each), each])).values()] };
}

/** Backends that have the precision asked for, or that do not say; all where none has it, to say so themselves. */
function able(
  order: readonly Backend[],
  { kind }: PartSource,
  { dtype }: LoadOptions = {},
): readonly Backend[] {
  if (kind !== "graph" || dtype === undefined) return order;
  const found = order.filter(({ precisions }) => precisions === undefined || hasPrecision(precisions, dtype));
  return found.length > 0 ? found : order;
}

/** Nobody is asked for a permission that they can do without. */
function mayUseFfi(): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions?: { querySync(of: { name: "ffi" }): { state: string } } };
  };
  return Deno?.permissions === undefined || Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}
