import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { GraphBuilder } from "./builder.ts";
import type { Node } from "./graph.ts";

Deno.test("a node's operator tells what its attributes are", () => {
  const builder = new GraphBuilder("test");
  const x = builder.input("x", "float32", ["rows", 8, "height", "width"]);
  const y = builder.conv2d("conv", x, 4, { kernel: 3, stride: 2, padding: [0, 0, 1, 1] });
  const { nodes } = builder.build({ y: builder.clamp("", y, -1, 2) });
  assertEquals(nodes.map(limits), [
    { operator: "conv2d", pads: [0, 0, 1, 1] },
    { operator: "clamp", span: 3 },
  ]);
});

// Type-checked: an attribute of another operator, one that is missing, and one that nobody knows are errors.
const place = { inputs: [], outputs: [], layer: "" };
const _nodes: readonly Node[] = [
  { ...place, operator: "resize", attributes: { factor: 2 } },
  // @ts-expect-error: clamp has no factor
  { ...place, operator: "clamp", attributes: { factor: 2 } },
  // @ts-expect-error: attention needs its heads
  { ...place, operator: "attention", attributes: { causal: true, activation: "relu", lengthNorm: false } },
  // @ts-expect-error: add has no attributes
  { ...place, operator: "add", attributes: { axis: 1 } },
];

function limits(node: Node): object {
  switch (node.operator) {
    case "conv2d":
      return { operator: node.operator, pads: node.attributes.pads };
    case "clamp":
      return { operator: node.operator, span: node.attributes.max - node.attributes.min };
    default:
      return { operator: node.operator };
  }
}
