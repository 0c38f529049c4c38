/**
 * What a program costs: parameters, and multiply-adds for given sizes.
 *
 * @module
 */
import { type Dimension, evaluate } from "./dimension.ts";
import type { Graph, Node, Value } from "./graph.ts";

/** Parameters and multiply-adds of a layer, or of many. */
export interface Cost {
  /** Number of weights. */
  readonly parameters: number;
  /** Multiply-adds of convolutions, linear layers and matrix products. */
  readonly multiplyAdds: number;
  /** Multiply-adds of attention's two products, not counted in `multiplyAdds`. */
  readonly attentionMultiplyAdds: number;
}

/**
 * Counts a program.
 *
 * @param free Values of the free sizes, as `{ rows: 1, height: 64, width: 64, tokens: 77 }`.
 * @param depth How many names of a layer's path to tell apart: 2 gives `down_blocks.0`, `mid_block.resnets`, …
 * @returns The cost by path, in the order of the program; `total` is under the empty path.
 *
 * @example
 * ```ts
 * import { graphCost } from "@mobile-diffusion/sdk/graph";
 * import { clipText, readClipTextConfig } from "@mobile-diffusion/sdk/models";
 *
 * const config = { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 };
 * const cost = graphCost(clipText(readClipTextConfig(config)), { rows: 1, tokens: 77 });
 * console.log(Math.round(cost.get("")!.parameters / 1e6)); // 123
 * ```
 */
export function graphCost(
  graph: Graph,
  free: Readonly<Record<string, number>>,
  depth: number = 2,
): Map<string, Cost> {
  const costs = new Map<string, Cost>([["", none]]);
  const add = (path: string, cost: Partial<Cost>) => {
    for (const key of new Set(["", path.split(".").slice(0, depth).join(".")])) {
      costs.set(key, sum(costs.get(key) ?? none, cost));
    }
  };
  for (const { key, stored } of graph.weights) {
    add(key.replace(/\.\w+$/, ""), { parameters: stored.reduce((product, size) => product * size, 1) });
  }
  for (const node of graph.nodes) {
    const products = multiplyAdds(
      node,
      (value) => elements(value.shape, free),
      (size) => evaluate(size, free),
    );
    add(
      node.layer,
      node.operator === "attention" ? { attentionMultiplyAdds: products } : { multiplyAdds: products },
    );
  }
  return costs;
}

const none: Cost = { parameters: 0, multiplyAdds: 0, attentionMultiplyAdds: 0 };

function multiplyAdds(
  { operator, inputs, outputs }: Node,
  count: (value: Value) => number,
  size: (dimension: Dimension) => number,
): number {
  const [output] = outputs as [Value];
  switch (operator) {
    case "conv2d": { // each output element sums over the window and the group's channels
      const weight = inputs[1]!;
      return count(output) * count(weight) / size(weight.shape[0]!);
    }
    case "linear":
      return count(output) * size(inputs[0]!.shape.at(-1)!);
    case "matmul":
      return count(output) * size(inputs[0]!.shape.at(-1)!);
    case "attention": { // queries by keys, then scores by values
      const [query, key] = inputs as [Value, Value];
      return 2 * count(query) * size(key.shape.at(-2)!);
    }
    default:
      return 0;
  }
}

function elements(shape: readonly Dimension[], free: Readonly<Record<string, number>>): number {
  return shape.reduce<number>((product, size) => product * evaluate(size, free), 1);
}

function sum(a: Cost, b: Partial<Cost>): Cost {
  return {
    parameters: a.parameters + (b.parameters ?? 0),
    multiplyAdds: a.multiplyAdds + (b.multiplyAdds ?? 0),
    attentionMultiplyAdds: a.attentionMultiplyAdds + (b.attentionMultiplyAdds ?? 0),
  };
}
