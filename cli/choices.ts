/**
 * What the command line's words stand for.
 *
 * @module
 */
import { auto } from "../backends/auto.ts";
import type { Backend } from "../backends/backend.ts";
import { coreml } from "../backends/coreml.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { webgpu } from "../backends/webgpu.ts";
import { PRECISION_NAMES, type PrecisionName } from "../backends/precision.ts";
import { UsageError } from "./usage.ts";

const backends: Readonly<Record<string, () => Backend>> = { auto, native, wasm, webgpu, coreml };

/** Names of backends. */
export const BACKENDS: readonly string[] = Object.keys(backends);

/** A backend with its default options. */
export function backendByName(name: string): Backend {
  const make = backends[name];
  if (make !== undefined) return make();
  throw new UsageError(`Unknown --backend ${name}: expected one of ${BACKENDS.join(", ")}.`);
}

/** A precision. Whether a backend has it, it says itself. */
export function dtypeByName(name: string): PrecisionName {
  const found = PRECISION_NAMES.find((dtype) => dtype === name);
  if (found !== undefined) return found;
  throw new UsageError(`Unknown --dtype ${name}: expected one of ${PRECISION_NAMES.join(", ")}.`);
}
