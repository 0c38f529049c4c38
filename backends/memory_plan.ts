/**
 * How much memory a network will take, before any is taken.
 *
 * @module
 */
import { evaluate } from "../graph/dimension.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { ComputeType } from "./backend.ts";

/** An estimate, in bytes. */
export interface MemoryEstimate {
  /** The weights as they are held. */
  readonly weights: number;
  /** The largest amount of intermediate results that are alive at one time; 0 where the sizes are not known. */
  readonly activations: number;
}

/**
 * Estimates the memory of a loaded graph: its weights, and what is alive at the worst moment of a run. Attention counts
 * its scores and their softmax, as where it is not fused; a layer of 8-bit weights counts them as float32 too.
 *
 * @param sizes Values of the graph's free sizes. Where one is missing, only weights are counted.
 *
 * @example
 * ```ts
 * import { estimateMemory } from "@mobile-diffusion/sdk/backends";
 * import { GraphBuilder } from "@mobile-diffusion/sdk/graph";
 *
 * const g = new GraphBuilder("stem");
 * const x = g.input("x", "float32", ["rows", 4, "height", "width"]);
 * const graph = g.build({ y: g.conv2d("conv_in", x, 320) });
 * console.log(estimateMemory(graph, "float32", { rows: 1, height: 64, width: 64 })); // { weights: 47360, … }
 * ```
 */
export function estimateMemory(
  graph: Graph,
  dtype: ComputeType,
  sizes: Readonly<Record<string, number>> = {},
): MemoryEstimate {
  return { weights: weightBytes(graph, dtype), activations: peakActivations(graph, dtype, sizes) };
}
