/** Programs small enough to know their answers, for the checks of backends. */
import type { Tensor, TensorData } from "../core/tensor.ts";
import type {
  AnyTensor,
  Backend,
  GraphSource,
  LoadOptions,
  PartSource,
  Runner,
} from "../backends/backend.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";
import { check } from "./_sampler_world.ts";
import type { BackendSuiteOptions } from "./backend.ts";

/** The options with their defaults filled in. */
export type BackendSuite = Required<BackendSuiteOptions>;

/** A float32 tensor whose elements are a fixed, uneven sequence in −1 … 1. */
export function ramp(...shape: number[]): Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return { data: Float32Array.from({ length: size }, (_, i) => Math.sin(1 + 1.7 * i)), shape };
}

/** The same as a weight. */
export function weight(...shape: number[]): MemoryTensor {
  return { dtype: "F32", ...ramp(...shape) };
}

/** A graph with its weights. `write` gives the outputs by name. */
export function source(
  write: (g: GraphBuilder) => Readonly<Record<string, Value>>,
  tensors: Readonly<Record<string, MemoryTensor>> = {},
): GraphSource {
  const g = new GraphBuilder("check");
  return { kind: "graph", graph: g.build(write(g)), weights: memoryWeights(tensors) };
}

/** `y = 2·x + 1` on float32 `[rows, width]`: the program of most checks. */
export function doubling(width: number | string = 3): GraphSource {
  return source((g) => {
    const x = g.input("x", "float32", ["rows", width]);
    return { y: g.add("sum", g.multiply("double", x, g.scalar(2)), g.scalar(1)) };
  });
}

/** What {@linkcode doubling} gives. */
export function doubled({ data, shape }: Tensor): Tensor {
  return { data: data.map((value) => 2 * value + 1), shape };
}

/** Loads a program, gives it to `use`, and disposes it. */
export async function withRunner<T>(
  { create }: BackendSuite,
  program: PartSource,
  use: (runner: Runner, backend: Backend) => Promise<T>,
  options?: LoadOptions,
): Promise<T> {
  const backend = await create();
  await using runner = await backend.load(program, options);
  return await use(runner, backend);
}

/** A tensor that must be in host memory. */
export function host(tensor: AnyTensor | undefined): Tensor<TensorData> {
  check(tensor !== undefined && "data" in tensor, () => "The output is not a host tensor.");
  return tensor;
}

/** Checks a shape and all elements, relative to the size of the expected ones. */
export function checkEqual(
  actual: Tensor<TensorData>,
  expected: Tensor<TensorData>,
  tolerance: number,
): void {
  check(
    `${actual.shape}` === `${expected.shape}`,
    () => `The output has shape [${actual.shape}], expected [${expected.shape}].`,
  );
  const [a, b] = [actual, expected].map(({ data }) => Float64Array.from<number | bigint>(data, Number));
  const limit = tolerance * b!.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const wrong = b!.findIndex((value, i) => !(Math.abs(a![i]! - value) <= limit));
  check(wrong < 0, () => `Element ${wrong} of the output is ${a![wrong]}, expected ${b![wrong]} ± ${limit}.`);
}

/** Checks that something rejects with an error of this kind, whose message has these words. */
export async function checkRejects(
  work: () => Promise<unknown>,
  kind: string,
  ...words: readonly string[]
): Promise<void> {
  const error = await work().then(() => undefined, (error: unknown) => error);
  check(error !== undefined, () => `Nothing was thrown, expected ${kind}.`);
  check(
    error instanceof Error && error.name === kind,
    () => `${error} was thrown, expected ${kind}.`,
  );
  const silent = words.find((word) => !error.message.includes(word));
  check(silent === undefined, () => `The error "${error.message}" does not name "${silent}".`);
}
