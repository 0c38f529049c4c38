/**
 * What every backend must do, as a list of checks for any test runner.
 *
 * Each operator runs on a few numbers whose result is worked out in plain loops; the rest checks the contract: ports,
 * conversions, tensors that stay on the device, the order of calls, errors by kind, signals, lifetimes. A backend says
 * what it claims, which operators and which kinds of source, and must refuse the rest by name.
 *
 * @example
 * ```ts
 * import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
 * import { backendChecks } from "@mobile-diffusion/sdk/testing";
 *
 * const create = () => wasm({ threads: 1, worker: false });
 * for (const { name, run } of backendChecks({ name: "wasm", create, sources: ["graph", "onnx"] })) {
 *   await run(); // or Deno.test(name, run), it(name, run), …
 * }
 * ```
 *
 * @module
 */
import type { Backend, LoadOptions, PartSource } from "../backends/backend.ts";
import type { PrecisionName } from "../backends/precision.ts";
import type { Operator } from "../graph/graph.ts";
import {
  conversions,
  disposal,
  keep,
  mistakes,
  order,
  outputs,
  ports,
  signals,
  sizes,
} from "./_backend_contract.ts";
import { operatorCases } from "./_backend_operators.ts";
import {
  eightBits,
  onnx,
  operator,
  otherSources,
  precisions,
  weightTypes,
  wrongWeights,
} from "./_backend_sources.ts";
import type { BackendSuite } from "./_backend_world.ts";

/** A backend under test. */
export interface BackendSuiteOptions {
  /** How the checks call it. */
  readonly name: string;
  /** Makes the backend; called for every check. */
  create(): Backend | Promise<Backend>;
  /** Kinds of source that it runs. @default {["graph"]} */
  readonly sources?: readonly PartSource["kind"][];
  /** Operators of a graph that it runs. @default {all} */
  readonly operators?: readonly Operator[];
  /** Precisions that it has; it must refuse the others by name. @default {["float32", "int8"]} */
  readonly dtypes?: readonly PrecisionName[];
  /** Largest error, relative to the largest element of a result (or to 1). @default {1e-5} */
  readonly tolerance?: number;
  /** Checks to leave out, by their names without the backend's, each with its reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

/** One thing that a backend must do. */
export interface BackendCheck {
  /** The backend's name and the property. */
  readonly name: string;
  /** Passes, or throws an error that says what is wrong. */
  run(): Promise<void>;
}

/** The checks that apply to a backend. */
export function backendChecks(options: BackendSuiteOptions): BackendCheck[] {
  const suite: BackendSuite = {
    sources: ["graph"],
    operators: operatorCases.map(({ operator }) => operator),
    dtypes: ["float32", "int8"],
    tolerance: 1e-5,
    skip: [],
    ...options,
  };
  const properties = [
    ...suite.sources.includes("graph") ? graphProperties(suite) : [],
    ...suite.sources.includes("onnx") ? [["runs an ONNX model with external data", onnx] as const] : [],
    ["refuses other kinds of source", otherSources] as const,
  ];
  const left = new Set(suite.skip.flatMap(({ tests }) => tests));
  const kept = properties.filter(([property]) => !left.delete(property));
  if (left.size > 0) throw new RangeError(`Cannot skip "${[...left].join('", "')}": there is no such check.`);
  return kept.map(([property, check]) => ({ name: `${suite.name} ${property}`, run: () => check(suite) }));
}

/** Hands all checks to a test runner's function, such as `Deno.test` or `it`. */
export function testBackend(
  options: BackendSuiteOptions,
  test: (name: string, run: () => Promise<void>) => void,
): void {
  for (const { name, run } of backendChecks(options)) test(name, run);
}

type Property = readonly [name: string, check: (suite: BackendSuite) => Promise<void>];

function graphProperties({ operators, dtypes }: BackendSuite): Property[] {
  const halves: readonly LoadOptions[] = dtypes.includes("float16") ? [{}, { dtype: "float16" }] : [{}];
  return [
    ...operatorCases.flatMap((each) =>
      halves.map((load): Property => {
        const verb = operators.includes(each.operator) ? "computes" : "refuses";
        const details = [each.variant, load.dtype].filter((detail) => detail !== undefined).join(", ");
        return [
          `${verb} ${each.operator}${details === "" ? "" : ` (${details})`}`,
          (suite) => operator(suite, each, load),
        ];
      })
    ),
    ["reads weights of every type", weightTypes],
    ...dtypes.includes("int8") ? [["holds weights in 8 bits", eightBits] as const] : [],
    ["says its precisions and refuses others", precisions],
    ["names weights that are missing or of another kind", wrongWeights],
    ["names its inputs and outputs", ports],
    ["takes sizes that change, and holds promised ones", sizes],
    ["converts inputs and leaves them as they were", conversions],
    ["gives outputs away for good", outputs],
    ["keeps outputs on the device", keep],
    ["serves calls in their order", order],
    ["names the caller's mistakes and survives them", mistakes],
    ["stops at signals", signals],
    ["is disposed once and for all", disposal],
  ];
}
