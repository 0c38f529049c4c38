/** From a graph and its weights to an ONNX program. */
import { WeightsError } from "../core/errors.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph, WeightValue } from "../graph/graph.ts";
import { type OperatorSupport, type Placement, type StoredType, writeOnnx } from "../graph/onnx.ts";
import { castWeights } from "../weights/cast.ts";
import { isFloat } from "../weights/dtype.ts";
import { dequantised, quantised } from "../weights/quantise.ts";
import type { WeightDtype, WeightInfo, Weights } from "../weights/weights.ts";
import type { GraphSource, LoadOptions } from "./backend.ts";
import { checkPrecision, type Precision, type PrecisionClaim, type PrecisionName } from "./precision.ts";
import type { Program } from "./_program.ts";

/** A graph with the weights in the types that the program will hold. */
export interface BoundGraph extends GraphSource {
  /** How it is held and computed; weights are not `stored` but what they are stored in. */
  readonly precision: Required<Precision>;
  /** The type of activations. */
  readonly compute: "float32" | "float16";
  /** The tensors of the program: the graph's, and the scales of 8-bit ones. */
  readonly keys: readonly string[];
}

/** Where a tensor's bytes are. */
export type Location = Pick<Placement, "location" | "offset" | "length">;

/** The precisions that {@linkcode writeProgram} writes. */
export const graphPrecisions: readonly (Precision | PrecisionName)[] = [
  "float32",
  "float16",
  "int8",
  { weights: "stored", activations: "float32" },
];

/**
 * Checks that the weights are those that the graph needs, and brings 8 bits in or out as `dtype` says.
 *
 * @throws {UnsupportedModelError} If the backend lacks the precision.
 * @throws {WeightsError} If tensors are missing, or of another shape or kind.
 */
export function bindGraph(
  { kind, graph, weights }: GraphSource,
  { dtype = {} }: LoadOptions,
  backend: PrecisionClaim,
): BoundGraph {
  const { weights: asked, activations } = checkPrecision(dtype, graph.name, backend);
  const eightBit = graph.weights.some(({ key }) => isEightBit(weights, key));
  const held = asked !== "stored" ? asked : eightBit ? "int8" : "float32";
  // Weights that hold 8-bit tensors were made so on purpose: what is not 8-bit there (a merged LoRA) stays as it is.
  const narrowed = eightBit ? weights : quantised(weights);
  const view = held === "int8" ? narrowed : eightBit ? dequantised(weights) : weights;
  checkWeights(graph, view);
  const keys = graph.weights.flatMap(({ key }) => isEightBit(view, key) ? [key, scaleKey(key)] : [key]);
  const compute = activations === "float16" ? "float16" : "float32";
  const precision = { weights: held, activations };
  return { kind, graph, weights: view, precision, compute, keys: [...new Set(keys)] };
}

/** Writes the model; `locate` says where the bytes of a tensor are. */
export function writeProgram(
  { graph, weights, compute }: BoundGraph,
  support: OperatorSupport,
  locate: (key: string, info: WeightInfo) => Location,
): Uint8Array {
  const at = (key: string): Placement => {
    const info = weights.info(key)!;
    return { ...locate(key, info), type: storedTypes[info.dtype]! };
  };
  const place = ({ key }: WeightValue): Placement =>
    isEightBit(weights, key) ? { ...at(key), scale: at(scaleKey(key)) } : at(key);
  return writeOnnx(graph, { place, support, compute });
}

/** A program whose weights are handed over in memory, converted to the computing type one by one. */
export function memoryProgram(
  bound: BoundGraph,
  support: OperatorSupport,
  dimensions?: Readonly<Record<string, number>>,
): Program {
  const weights = castWeights(bound.weights, bound.compute === "float16" ? "F16" : "F32");
  const locate = (location: string, { byteLength: length }: WeightInfo) => ({ location, offset: 0, length });
  return {
    name: bound.graph.name,
    model: writeProgram({ ...bound, weights }, support, locate),
    dimensions: fixedDimensions(bound.graph, dimensions),
    async *files() {
      for (const path of bound.keys) yield { path, data: await weights.read(path) };
    },
  };
}

/** The values of a graph's symbolic sizes, also of those that are worked out from others. */
export function fixedDimensions(
  { inputs }: Graph,
  dimensions: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const fixed: Record<string, number> = {};
  for (const size of inputs.flatMap(({ shape }) => shape)) {
    if (typeof size === "number") continue;
    const names = size.match(/[A-Za-z_]\w*/g)!.filter((name) => name !== "floor");
    if (names.every((name) => dimensions[name] !== undefined)) fixed[size] = evaluate(size, dimensions);
  }
  return fixed;
}

/** Element types that a model can hold. */
export const storedTypes: Readonly<Partial<Record<WeightDtype, StoredType>>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I8: "int8",
};

function checkWeights(graph: Graph, weights: Weights): void {
  const missing = new Set<string>();
  const fail = (problem: string) => new WeightsError(`Cannot load ${graph.name}: ${problem}.`);
  for (const { key, stored } of graph.weights) {
    const info = weights.info(key);
    if (info === undefined) {
      missing.add(key);
    } else if (!equal(info.shape, stored)) {
      throw fail(`tensor "${key}" has shape [${info.shape}], expected [${stored}]`);
    } else if (!isFloat(info.dtype) && !isEightBit(weights, key)) {
      throw fail(
        `tensor "${key}" has the dtype ${info.dtype}, expected floating-point numbers, or I8 with a scale`,
      );
    }
  }
  if (missing.size === 0) return;
  const named = [...missing].slice(0, 3).map((key) => `"${key}"`).join(", ");
  const others = missing.size > 3 ? ` and ${missing.size - 3} more` : "";
  const needed = new Set(graph.weights.map(({ key }) => key)).size;
  throw fail(
    `its weights lack ${named}${others}; ${needed - missing.size} of the ${needed} tensors needed are there`,
  );
}

/** See `weights/quantise.ts` for the layout. */
function scaleKey(key: string): string {
  return `${key}.scale`;
}

function isEightBit(weights: Weights, key: string): boolean {
  return weights.info(key)?.dtype === "I8" && weights.info(scaleKey(key)) !== undefined;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
