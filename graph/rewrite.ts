/**
 * Writes a graph again, with changes: what the passes in `graph/passes/` are made of.
 *
 * @module
 */
import { GraphBuilder } from "./builder.ts";
import type { Graph, Node, Place, Value } from "./graph.ts";

/** What becomes of a graph; values are those of the new graph. */
export interface Changes {
  /** Puts another operand in place of one; absent ones are not asked for. */
  operand?(g: GraphBuilder, operand: Value, use: { readonly node: Node; readonly index: number }): Value;
  /** Adds to a node: later ones see the value given in place of the node's first result. */
  after?(g: GraphBuilder, node: Node, operands: readonly (Value | undefined)[], result: Value): Value;
}

/**
 * Repeats a graph node by node. Inputs, weights, constants and outputs keep their names; new inputs come last.
 *
 * @example Twice every activation
 * ```ts
 * import { GraphBuilder, rewrite } from "@mobile-diffusion/sdk/graph";
 *
 * const g = new GraphBuilder("layer");
 * const graph = g.build({ y: g.activation("act", "relu", g.input("x", "float32", ["rows", 4])) });
 * const doubled = rewrite(graph, {
 *   after: (g, { operator, layer }, _, y) => operator === "relu" ? g.multiply(layer, y, g.scalar(2)) : y,
 * });
 * console.log(doubled.nodes.map(({ operator }) => operator)); // [ "relu", "multiply" ]
 * ```
 */
export function rewrite(graph: Graph, { operand: change, after }: Changes): Graph {
  const g = new GraphBuilder(graph.name);
  const values = new Map<string, Value>();
  /** First results, for the places' uses: what they are called now. */
  const nodes = new Map<string, string>();
  for (const { name, type, shape } of graph.inputs) values.set(name, g.input(name, type, shape));
  for (const { name, key, shape, stored } of graph.weights) {
    values.set(name, name === key ? g.weight(key, shape) : g.weight(key, shape, stored));
  }
  for (const { name, data, shape } of graph.constants) values.set(name, g.constant(data, shape));
  for (const node of graph.nodes) {
    const operands = node.inputs.map((old, index) => {
      const value = old && values.get(old.name)!;
      return value && change?.(g, value, { node, index }) || value;
    });
    const results = g.repeat(node, operands);
    node.outputs.forEach(({ name }, i) => values.set(name, results[i]!));
    nodes.set(node.outputs[0]!.name, results[0]!.name);
    if (after !== undefined) values.set(node.outputs[0]!.name, after(g, node, operands, results[0]!));
  }
  const renamed = g.build(Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name)!])));
  if (graph.places === undefined) return renamed;
  const outputs = new Map(graph.outputs.map(({ name }) => [values.get(name)!.name, name]));
  const now = (name: string) => outputs.get(name) ?? name;
  const places = graph.places.map(({ value, uses, ...place }): Place => ({
    ...place,
    value: { ...value, name: now(values.get(value.name)!.name) },
    uses: uses.map(({ node, index }) => ({ node: now(nodes.get(node)!), index })),
  }));
  return { ...renamed, places };
}
