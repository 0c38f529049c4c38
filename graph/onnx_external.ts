/**
 * What an ONNX model keeps in files of their own.
 *
 * @module
 */
import type { GraphProto, TensorProto } from "./onnx_proto.ts";

/** A graph and the graphs inside its nodes, as those of loops and conditions. */
export function* graphsOf(graph: GraphProto): Generator<GraphProto> {
  yield graph;
  for (const { attribute = [] } of graph.node) {
    for (const { g } of attribute) if (g !== undefined) yield* graphsOf(g);
  }
}

/** Names of the files that hold tensors of a graph or of the graphs inside it. */
export function externalLocations(root: GraphProto): Set<string> {
  const tensors = [...graphsOf(root)].flatMap((
    { initializer, node },
  ): readonly (TensorProto | undefined)[] => [
    ...initializer,
    ...node.flatMap(({ attribute = [] }) => attribute.map(({ t }) => t)),
  ]);
  const entries = tensors.flatMap((tensor) => tensor?.externalData ?? []);
  return new Set(entries.filter(({ key }) => key === "location").map(({ value }) => value));
}
