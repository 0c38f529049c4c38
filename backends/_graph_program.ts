/** From a graph and its weights to an ONNX program. */
import { WeightsError } from "../core/errors.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph, WeightValue } from "../graph/graph.ts";
import { type OperatorSupport, type Placement, type StoredType, writeOnnx } from "../graph/onnx.ts";
import { castWeights } from "../weights/cast.ts";
import { isFloat } from "../weights/dtype.ts";
import { encodingParts } from "../weights/encoding.ts";
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
}

/** A tensor that a program is given: a weight, its codes, or their scales. */
export interface ProgramTensor extends Omit<WeightInfo, "encoding"> {
  /** Its name among the tensors of the program. */
  readonly name: string;
  /** Its bytes, which are the reader's. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
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
  const eightBit = graph.weights.some(({ key }) => holds(weights.info(key)));
  const held = asked !== "stored" ? asked : eightBit ? "int8" : "float32";
  const widened = dequantised(weights, { select: (_, info) => held !== "int8" || !holds(info) });
  // Weights that hold 8-bit tensors were made so on purpose: what is not 8-bit there (a merged LoRA) stays as it is.
  const view = held === "int8" && !eightBit ? quantised(widened) : widened;
  checkWeights(graph, view);
  const compute = activations === "float16" ? "float16" : "float32";
  return { kind, graph, weights: view, precision: { weights: held, activations }, compute };
}

/**
 * The tensors that a program is given: those that `keep` chooses as they are stored, other floating-point ones in the
 * type that it computes in.
 */
export function programTensors(
  { graph, weights, compute }: BoundGraph,
  keep: (info: WeightInfo) => boolean = () => false,
): ProgramTensor[] {
  const wide = castWeights(weights, compute === "float16" ? "F16" : "F32");
  return [...new Set(graph.weights.map(({ key }) => key))].flatMap((key) => {
    const from = keep(weights.info(key)!) ? weights : wide;
    const { encoding, ...info } = from.info(key)!;
    const tensor = { name: key, ...info, read: () => from.read(key) };
    return [
      tensor,
      ...[...encodingParts(encoding).values()].map((part) => ({ name: scaleKey(key), ...part })),
    ];
  });
}

/** Writes the model; `placements` say where the tensors of the program are. */
export function writeProgram(
  { graph, weights, compute }: BoundGraph,
  support: OperatorSupport,
  placements: ReadonlyMap<string, Placement>,
): Uint8Array {
  const place = ({ key }: WeightValue): Placement => {
    const placement = placements.get(key)!;
    if (weights.info(key)!.encoding === undefined) return placement;
    return { ...placement, scale: placements.get(scaleKey(key))! };
  };
  return writeOnnx(graph, { place, support, compute });
}

/** A program whose weights are handed over in memory, converted to the computing type one by one. */
export function memoryProgram(
  bound: BoundGraph,
  support: OperatorSupport,
  dimensions?: Readonly<Record<string, number>>,
): Program {
  const tensors = programTensors(bound);
  const placements = new Map(tensors.map(({ name, dtype, byteLength: length }) => {
    return [name, { location: name, offset: 0, length, type: storedTypes[dtype]! }];
  }));
  return {
    name: bound.graph.name,
    model: writeProgram(bound, support, placements),
    dimensions: fixedDimensions(bound.graph, dimensions),
    async *files() {
      for (const { name, read } of tensors) yield { path: name, data: await read() };
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
    } else if (
      !equal(info.shape, stored) && !equal(withoutLeadingOnes(info.shape), withoutLeadingOnes(stored))
    ) {
      throw fail(`tensor "${key}" has shape [${info.shape}], expected [${stored}]`);
    } else if (!isFloat(info.dtype) && info.encoding === undefined) {
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

/** Whether a program can hold an encoded tensor as it is: codes of 8 bits with a scale a row. Others are widened. */
function holds(info: WeightInfo | undefined): boolean {
  return info?.dtype === "I8" && info.encoding?.kind === "scaled" && info.encoding.axis === 0;
}

/** What the program calls the scales of a weight; `:` keeps it from meeting a weight's name. */
function scaleKey(key: string): string {
  return `${key}:scale`;
}

/** GGUF drops them. */
function withoutLeadingOnes(shape: readonly number[]): readonly number[] {
  const start = shape.findIndex((size) => size !== 1);
  return start < 0 ? [] : shape.slice(start);
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
