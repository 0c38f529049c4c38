/**
 * For a backend of one's own: the whole contract of a {@linkcode Runner}, given a function that computes. Checks and
 * conversions of inputs, the order of calls, signals, kept outputs and disposal come with it; see
 * `examples/own_backend.ts`.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import type { Tensor, TensorData } from "../../core/tensor.ts";
import type { Graph, Operator } from "../../graph/graph.ts";
import { toFloat16 } from "../../weights/convert.ts";
import { readFloat32 } from "../../weights/read_float.ts";
import { bindGraph, fixedDimensions } from "../_graph_program.ts";
import { fromPort, toPort } from "./port_tensor.ts";
import type { PortTensor } from "./session.ts";
import { Queue } from "../../core/queue.ts";
import { openRunner } from "./session_runner.ts";
import type { Precision, PrecisionName } from "../precision.ts";
import type { LoadOptions, PartSource, Port, Runner } from "../backend.ts";

/** A graph that is ready to be interpreted. */
export interface HostGraph {
  /** The program. */
  readonly graph: Graph;
  /** Its weights in float32, by the names of their values. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** A graph whose weights are read one by one, as a device takes them. */
export interface OpenGraph {
  /** The program. */
  readonly graph: Graph;
  /** Its weights in the type that was asked for, by the names of their values. */
  weights(): AsyncIterable<readonly [name: string, tensor: PortTensor]>;
}

/** The precisions of a backend that reads its graphs by {@linkcode readGraph}. */
export const HOST_PRECISIONS: readonly (Precision | PrecisionName)[] = ["float32", "int8", {
  weights: "stored",
}];

/** Options of {@linkcode readGraph}. */
export interface ReadGraphOptions {
  /** The backend's name, for errors. */
  readonly backend: string;
  /** What it can compute. */
  readonly operators: readonly Operator[];
  /** The precision that was asked for, of {@linkcode HOST_PRECISIONS}. @default {as stored} */
  readonly dtype?: LoadOptions["dtype"] | undefined;
}

/** Options of {@linkcode openGraph}. */
export interface OpenGraphOptions extends ReadGraphOptions {
  /** The element type of the weights; float16 is its bits. @default {"float32"} */
  readonly type?: "float32" | "float16";
}

/**
 * Checks a graph, and gives its weights in the type that a device takes. Those in 8 bits are rounded to them and
 * widened again.
 *
 * @throws {UnsupportedModelError} If the source is no graph, has an operator that is not listed, or in this precision.
 * @throws {WeightsError} If the weights are not those that the graph needs.
 */
export function openGraph(
  source: PartSource,
  { backend, operators, dtype, type = "float32" }: OpenGraphOptions,
): OpenGraph {
  if (source.kind !== "graph") {
    throw new UnsupportedModelError(`Cannot load a ${source.kind} model on ${backend}: expected a graph.`);
  }
  const { graph } = source;
  const unknown = graph.nodes.find(({ operator }) => !operators.includes(operator));
  if (unknown !== undefined) {
    throw new UnsupportedModelError(
      `Cannot load ${graph.name} on ${backend}: ${unknown.layer} is ${unknown.operator}, expected one of ` +
        `${operators.join(", ")}.`,
    );
  }
  const options = dtype === undefined ? {} : { dtype };
  const { weights } = bindGraph(source, options, { name: backend, precisions: HOST_PRECISIONS });
  return {
    graph,
    async *weights() {
      for (const { name, key, shape: dims } of graph.weights) {
        const data = await readFloat32(weights, key);
        yield [name, { type, data: type === "float32" ? data : toFloat16(data), dims }];
      }
    },
  };
}

/**
 * Reads a graph with its weights, to be computed in float32. Those in 8 bits are rounded to them and widened again.
 *
 * @throws {UnsupportedModelError} If the source is no graph, has an operator that is not listed, or in this precision.
 * @throws {WeightsError} If the weights are not those that the graph needs.
 */
export async function readGraph(source: PartSource, options: ReadGraphOptions): Promise<HostGraph> {
  const { graph, weights: open } = openGraph(source, options);
  const weights = new Map<string, Tensor>();
  for await (const [name, { data, dims: shape }] of open()) {
    weights.set(name, { data: data as Float32Array, shape });
  }
  return { graph, weights };
}

/** Computes a graph's outputs by name from its inputs by name. Inputs have the types that the graph declares. */
export type Compute = (
  inputs: Readonly<Record<string, Tensor<TensorData>>>,
) => Promise<Readonly<Record<string, Tensor<TensorData>>>>;

/** Makes the runner of a graph from a function that computes it. */
export async function hostRunner(
  { graph }: HostGraph,
  compute: Compute,
  { dimensions, signal }: LoadOptions = {},
): Promise<Runner> {
  const { inputs, outputs } = graphPorts(graph, dimensions);
  const convert = <A, B>(tensors: Readonly<Record<string, A>>, change: (tensor: A, name: string) => B) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
  const open = () =>
    Promise.resolve({
      inputs,
      outputs,
      async run(feeds: Readonly<Record<string, unknown>>) {
        const results = await compute(convert(feeds as Record<string, PortTensor>, fromPort));
        return convert(results, (tensor, name) => {
          const port = outputs.find((port) => port.name === name)!;
          return toPort(tensor, { ...port, shape: tensor.shape }, graph.name);
        });
      },
      release: () => Promise.resolve(),
    });
  return await openRunner({ name: graph.name, queue: new Queue(), open }, signal);
}

/** The ports of a graph as a session says them, with the sizes that were promised. */
export function graphPorts(
  graph: Graph,
  dimensions: LoadOptions["dimensions"] = {},
): Pick<Runner, "inputs" | "outputs"> {
  const fixed = fixedDimensions(graph, dimensions);
  const ports = (values: Graph["inputs"]): Port[] =>
    values.map(({ name, type, shape }) => ({
      name,
      dtype: type,
      shape: shape.map((size) => fixed[size] ?? size),
    }));
  return { inputs: ports(graph.inputs), outputs: ports(graph.outputs) };
}
