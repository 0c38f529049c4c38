/**
 * What a network costs: parameters and multiply-adds, layer by layer, without running it.
 *
 * @module
 */
import { evaluate } from "./dimension.ts";
import type { Graph, Node, Value } from "./graph.ts";

/** The cost of a layer, of all layers under a name, or of a whole network. */
export interface Cost {
  /** Path of the layer in the names of the weights, or the beginning of one; empty for a whole network. */
  readonly layer: string;
  /** Elements of its weights. */
  readonly parameters: number;
  /** Multiply-adds of its convolutions and linear layers. */
  readonly multiplyAdds: number;
  /** Multiply-adds between activations: the two products of an attention, and `matmul`. */
  readonly productMultiplyAdds: number;
}

/**
 * The cost of each layer, in the order in which they run. Element-wise work, normalisation and softmax are not
 * counted, as is the custom. A weight that several layers share counts for the first.
 *
 * @param sizes Values of the graph's free sizes, as `{ rows: 1, height: 64, width: 64, tokens: 77 }`.
 * @throws {RangeError} If a size has no value.
 *
 * @example
 * ```ts
 * import { layerCosts, sumCosts } from "@mobile-diffusion/sdk/graph";
 * import { GraphBuilder } from "@mobile-diffusion/sdk/graph";
 *
 * const g = new GraphBuilder("stem");
 * const x = g.input("x", "float32", ["rows", 4, "height", "width"]);
 * const graph = g.build({ y: g.conv2d("conv_in", x, 320) });
 * console.log(sumCosts(layerCosts(graph, { rows: 1, height: 64, width: 64 })).parameters); // 11840
 * ```
 */
export function layerCosts(graph: Graph, sizes: Readonly<Record<string, number>>): Cost[] {
  const keys = new Map(graph.weights.map(({ name, key }) => [name, key]));
  const counted = new Set<string>();
  const costs = new Map<string, Cost>();
  for (const node of graph.nodes) {
    let parameters = 0;
    for (const input of node.inputs) {
      const key = input && keys.get(input.name);
      if (key === undefined || counted.has(key)) continue;
      counted.add(key);
      parameters += elements(input!, sizes);
    }
    const cost = { layer: node.layer, parameters, ...multiplyAdds(node, sizes) };
    const before = costs.get(node.layer);
    costs.set(node.layer, before === undefined ? cost : add(before, cost));
  }
  return [...costs.values()];
}

/** Sums costs by the first `segments` parts of their paths: 2 gives `down_blocks.0`, `down_blocks.1`, … */
export function costsByPrefix(costs: readonly Cost[], segments: number): Cost[] {
  const groups = Map.groupBy(costs, ({ layer }) => layer.split(".").slice(0, segments).join("."));
  return [...groups].map(([layer, members]) => ({ ...sumCosts(members), layer }));
}

/** The sum of costs. */
export function sumCosts(costs: readonly Cost[]): Cost {
  return costs.reduce(add, { layer: "", parameters: 0, multiplyAdds: 0, productMultiplyAdds: 0 });
}

function add(a: Cost, b: Cost): Cost {
  return {
    layer: a.layer,
    parameters: a.parameters + b.parameters,
    multiplyAdds: a.multiplyAdds + b.multiplyAdds,
    productMultiplyAdds: a.productMultiplyAdds + b.productMultiplyAdds,
  };
}

type MultiplyAdds = Pick<Cost, "multiplyAdds" | "productMultiplyAdds">;

function multiplyAdds(
  { operator, inputs, outputs }: Node,
  sizes: Readonly<Record<string, number>>,
): MultiplyAdds {
  const [a, b] = inputs as readonly [Value, Value];
  const results = elements(outputs[0]!, sizes);
  switch (operator) {
    case "conv2d":
    case "linear": // the weight's elements per output channel are the terms of one output element
      return {
        multiplyAdds: results * elements(b, sizes) / evaluate(b.shape[0]!, sizes),
        productMultiplyAdds: 0,
      };
    case "matmul":
      return { multiplyAdds: 0, productMultiplyAdds: results * evaluate(a.shape.at(-1)!, sizes) };
    case "attention": // queries · keys and weights · values
      return { multiplyAdds: 0, productMultiplyAdds: 2 * results * evaluate(b.shape[1]!, sizes) };
    default:
      return { multiplyAdds: 0, productMultiplyAdds: 0 };
  }
}

function elements({ shape }: Value, sizes: Readonly<Record<string, number>>): number {
  return shape.reduce((product: number, size) => product * evaluate(size, sizes), 1);
}
