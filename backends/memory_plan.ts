/**
 * How much memory a network will take, before any is taken.
 *
 * @module
 */
import { type Dimension, evaluate } from "../graph/dimension.ts";
import type { Graph, Node, Value, WeightValue } from "../graph/graph.ts";
import { worthQuantising } from "../weights/quantise.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { type Precision, type PrecisionName, precisionName, precisionOf } from "./precision.ts";

/** An estimate, in bytes. */
export interface MemoryEstimate {
  /** The weights as they are held. */
  readonly weights: number;
  /** What else is alive at the worst moment of a run; 0 where the sizes of the inputs are not known. */
  readonly activations: number;
}

/**
 * Estimates the memory of a loaded graph: its weights, and the intermediate results that are alive at the worst moment
 * of a run. Attention counts its scores and their softmax, as where it is not fused; a layer with 8-bit weights counts
 * them as float32 too, while it runs.
 *
 * @param dtype How it is held and computed; `stored` weights are counted as float32.
 * @param sizes Values of the graph's free sizes, as `{ rows: 1, height: 64, width: 64, tokens: 77 }`.
 *
 * @example
 * ```ts
 * import { estimateMemory } from "@mobile-diffusion/sdk/backends";
 * import { GraphBuilder } from "@mobile-diffusion/sdk/graph";
 *
 * const g = new GraphBuilder("stem");
 * const x = g.input("x", "float32", ["rows", 4, "height", "width"]);
 * const graph = g.build({ y: g.conv2d("conv_in", x, 320) });
 * console.log(estimateMemory(graph, "float32").weights); // 47360
 * ```
 */
export function estimateMemory(
  graph: Graph,
  dtype: Precision | PrecisionName,
  sizes: Readonly<Record<string, number>> = {},
): MemoryEstimate {
  const precision = precisionOf(dtype);
  const weights = [...new Map(graph.weights.map((weight) => [weight.key, weight])).values()];
  const bytes = weights.map((weight) => elements(weight.stored, {}) * bytesOfWeight(weight, precision));
  const element = precision.activations === "bfloat16" || precision.activations === "float16" ? 2 : 4;
  return {
    weights: bytes.reduce((sum, size) => sum + size, 0),
    activations: known(graph, sizes) ? peakActivations(graph, precision, sizes) * element : 0,
  };
}

/** What the runtime itself takes, in bytes. */
const RUNTIME = 2 ** 27;

/**
 * Whether a graph fits into a limit at these sizes, the runtime itself counted with 128 MiB.
 *
 * @param limit What there is, in bytes.
 */
export function fitsMemory(
  graph: Graph,
  dtype: Precision | PrecisionName,
  { limit, sizes }: { readonly limit: number; readonly sizes: Readonly<Record<string, number>> },
): boolean {
  const { weights, activations } = estimateMemory(graph, dtype, sizes);
  return weights + activations + RUNTIME <= limit;
}

/** Options of {@linkcode checkMemory}. */
export interface CheckMemoryOptions {
  /** The backend's name, for the error. */
  readonly backend: string;
  /** What there is, in bytes. */
  readonly limit: number;
  /** Values of the graph's free sizes, as far as they are known. */
  readonly sizes?: Readonly<Record<string, number>> | undefined;
}

/**
 * Refuses a graph that does not fit, and says in which arithmetic it would. The runtime itself is counted with 128 MiB;
 * activations of unknown sizes with 1 GiB, as a Stable Diffusion UNet takes for 512 × 512 pixels.
 *
 * @throws {UnsupportedModelError} If the estimate is above the limit.
 */
export function checkMemory(
  graph: Graph,
  dtype: Precision | PrecisionName,
  { backend, limit, sizes }: CheckMemoryOptions,
): void {
  const total = (dtype: Precision | PrecisionName) => {
    const { weights, activations } = estimateMemory(graph, dtype, sizes);
    return weights + (activations === 0 ? 2 ** 30 : activations) + RUNTIME;
  };
  if (total(dtype) <= limit) return;
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const smaller = total("int8") <= limit && precisionName(dtype) !== "int8";
  throw new UnsupportedModelError(
    `Cannot load ${graph.name} in ${precisionName(dtype)} on ${backend}: it takes about ${
      gigabytes(total(dtype))
    }, ` +
      `and there are ${gigabytes(limit)}. ` +
      (smaller
        ? `In int8 it takes ${gigabytes(total("int8"))}: use dtype "int8".`
        : `Use a smaller size or another backend.`),
  );
}

/** The largest number of elements alive at one node: what later nodes still need, and what the node itself does. */
function peakActivations(
  graph: Graph,
  precision: Precision,
  sizes: Readonly<Record<string, number>>,
): number {
  const size = ({ shape }: Value) => elements(shape, sizes);
  const lastUse = new Map<string, number>();
  graph.nodes.forEach(({ inputs }, i) => inputs.forEach((value) => value && lastUse.set(value.name, i)));
  graph.outputs.forEach(({ name }) => lastUse.set(name, Infinity));
  const eightBit = new Set(
    graph.weights.filter((weight) => isEightBit(weight, precision)).map(({ name }) => name),
  );

  const alive = new Map(graph.inputs.map((input) => [input.name, size(input)]));
  let [current, peak] = [[...alive.values()].reduce((sum, each) => sum + each, 0), 0];
  graph.nodes.forEach((node, i) => {
    for (const output of node.outputs) {
      alive.set(output.name, size(output));
      current += size(output);
    }
    const widened = node.inputs.filter((value) => value && eightBit.has(value.name));
    const scratch = widened.reduce((sum, value) => sum + size(value!), scores(node, sizes));
    peak = Math.max(peak, current + scratch);
    for (const [name, elements] of alive) {
      if ((lastUse.get(name) ?? -1) > i) continue;
      alive.delete(name);
      current -= elements;
    }
  });
  return peak;
}

/** Elements of an attention's scores, twice. */
function scores(node: Node, sizes: Readonly<Record<string, number>>): number {
  if (node.operator !== "attention") return 0;
  const [query, key] = node.inputs as [Value, Value];
  return 2 * node.attributes.heads * elements(query.shape.slice(0, 2), sizes) *
    elements([key.shape[1]!], sizes);
}

/** Scales are not counted: less than a hundredth. */
function bytesOfWeight(weight: WeightValue, precision: Precision): number {
  if (isEightBit(weight, precision)) return 1;
  return precision.weights === "float16" ? 2 : 4;
}

function isEightBit({ key, stored, type }: WeightValue, { weights }: Precision): boolean {
  const info = { dtype: "F32", shape: stored, byteLength: 4 * elements(stored, {}) } as const;
  return weights === "int8" && type === "float32" && stored.length >= 2 && worthQuantising(key, info);
}

function elements(shape: readonly Dimension[], sizes: Readonly<Record<string, number>>): number {
  return shape.reduce((product: number, size) => product * evaluate(size, sizes), 1);
}

function known({ inputs }: Graph, sizes: Readonly<Record<string, number>>): boolean {
  const names = inputs.flatMap(({ shape }) => shape).flatMap((size) =>
    `${size}`.match(/[A-Za-z_]\w*/g) ?? []
  );
  return names.every((name) => name === "floor" || sizes[name] !== undefined);
}
