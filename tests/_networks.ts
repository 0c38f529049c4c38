/** What tests of networks share: the backends of this machine, and one way to compare. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { openWeights } from "../weights/open_weights.ts";
import type { Weights } from "../weights/weights.ts";
import { maxAbsDifference } from "./_fixtures.ts";

/** Float32 on the CPU, by two runtimes. */
export const cpuBackends: readonly Backend[] = [wasm({ worker: false, threads: 1 }), native()];

/** Another order of summation in float32; the fixtures' outputs are about 1, and float64 differs by about 1e-6. */
export const float32Tolerance = 1e-4;

/** Path of a file of `tests/`. */
export function testPath(path: string): string {
  return new URL(path, import.meta.url).pathname;
}

/** Runs a graph once with the weights of a file. */
export async function runGraph(
  backend: Backend,
  graph: Graph,
  weights: string | Weights,
  inputs: Readonly<Record<string, Tensor<TensorData>>>,
): Promise<Record<string, Tensor>> {
  await using opened = typeof weights === "string" ? await openWeights(testPath(weights)) : weights;
  await using runner = await backend.load({ kind: "graph", graph, weights: opened });
  return await runner.run(inputs) as Record<string, Tensor>;
}

/** Asserts equal shapes and elements within the tolerance. */
export function assertClose(
  actual: Tensor | undefined,
  expected: Tensor,
  tolerance: number = float32Tolerance,
): void {
  assert.deepEqual(actual?.shape, expected.shape);
  const difference = maxAbsDifference(actual!.data, expected.data);
  assert.ok(difference <= tolerance, `largest difference ${difference}, expected at most ${tolerance}`);
}
