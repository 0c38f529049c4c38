/**
 * Inputs for low-rank changes of a network's layers: how LoRAs are swapped while it stays loaded.
 *
 * @module
 */
import type { GraphBuilder } from "../builder.ts";
import type { Graph, Node, Value } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/** Options of {@linkcode lowRankPorts}. */
export interface LowRankPortsOptions {
  /** How much fits through each layer's ports, 1 or more. */
  readonly rank: number;
  /** Whether a layer has ports, by its path. @default {all have} */
  readonly select?: (layer: string) => boolean;
  /** What the inputs of a layer are called. */
  readonly name: (layer: string, factor: "down" | "up") => string;
}

/**
 * Gives layers two inputs each, whose product is added to their weight: the output gains `x · down · up`. All float32,
 * with r the rank:
 *
 * - of a linear layer `down` `[in, r]` and `up` `[r, out]`;
 * - of a convolution `down` `[r, in, k, k]` and `up` `[out, r, 1, 1]`. Those in groups have none: their weights are
 *   smaller than the factors would be.
 *
 * @throws {RangeError} If the rank is no whole number of 1 or more.
 */
export function lowRankPorts(graph: Graph, { rank, select = () => true, name }: LowRankPortsOptions): Graph {
  if (!Number.isInteger(rank) || rank < 1) {
    throw new RangeError(`Cannot make ports of rank ${rank}: expected a whole number of 1 or more.`);
  }
  const weights = new Set(graph.weights.map(({ name }) => name));
  const port = (g: GraphBuilder, { layer }: Node, factor: "down" | "up", shape: readonly number[]): Value =>
    g.input(name(layer, factor), "float32", shape);
  return rewrite(graph, {
    after(g, node, [input], output) {
      const { layer, inputs: [, weight] } = node;
      if (!weights.has(weight?.name ?? "") || !select(layer)) return output;
      if (node.operator === "linear") {
        const down = port(g, node, "down", [input!.shape.at(-1) as number, rank]);
        const up = port(g, node, "up", [rank, output.shape.at(-1) as number]);
        return g.add(layer, output, g.matmul(layer, g.matmul(layer, input!, down), up));
      }
      if (node.operator !== "conv2d" || node.attributes.groups !== 1) return output;
      const { kernel, stride, pads } = node.attributes;
      const [inputs, outputs] = [input!.shape[1] as number, output.shape[1] as number];
      const down = port(g, node, "down", [rank, inputs, kernel, kernel]);
      const up = port(g, node, "up", [outputs, rank, 1, 1]);
      const narrow = g.conv2d(layer, input!, rank, {
        kernel,
        stride,
        padding: pads,
        weight: down,
        bias: false,
      });
      return g.add(layer, output, g.conv2d(layer, narrow, outputs, { kernel: 1, weight: up, bias: false }));
    },
  });
}
