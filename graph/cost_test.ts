import assert from "node:assert/strict";
import { GraphBuilder } from "./builder.ts";
import { costsByPrefix, layerCosts, sumCosts } from "./cost.ts";

const sizes = { rows: 2, height: 8, width: 8, tokens: 5 };

Deno.test("counts a convolution, grouped and not", () => {
  const g = new GraphBuilder("test");
  const x = g.input("x", "float32", ["rows", 4, "height", "width"]);
  const y = g.conv2d("a", x, 6, { stride: 2 });
  const graph = g.build({ y: g.conv2d("b", y, 6, { groups: 6, bias: false }) });
  assert.deepEqual(layerCosts(graph, sizes), [
    { layer: "a", parameters: 6 * 4 * 9 + 6, multiplyAdds: 2 * 6 * 4 * 4 * 4 * 9, productMultiplyAdds: 0 },
    { layer: "b", parameters: 6 * 9, multiplyAdds: 2 * 6 * 4 * 4 * 9, productMultiplyAdds: 0 },
  ]);
});

Deno.test("counts both products of an attention, and a shared weight once", () => {
  const g = new GraphBuilder("test");
  const x = g.input("x", "float32", ["rows", "tokens", 8]);
  const q = g.linear("q", x, 8, { bias: false });
  const again = g.linear("q", q, 8, { bias: false });
  const graph = g.build({ y: g.attention("mix", again, x, x, { heads: 2 }) });
  const total = sumCosts(layerCosts(graph, sizes));
  assert.equal(total.parameters, 64);
  assert.equal(total.multiplyAdds, 2 * (2 * 5 * 8 * 8));
  assert.equal(total.productMultiplyAdds, 2 * (2 * 5 * 5 * 8));
});

Deno.test("sums by prefix, in order", () => {
  const cost = (layer: string) => ({ layer, parameters: 1, multiplyAdds: 2, productMultiplyAdds: 3 });
  const costs = ["down.0.a", "down.0.b", "down.1.a", "out"].map(cost);
  const summed = costsByPrefix(costs, 2);
  assert.deepEqual(summed.map(({ layer, parameters }) => [layer, parameters]), [
    ["down.0", 2],
    ["down.1", 1],
    ["out", 1],
  ]);
});

Deno.test("names the size that has no value", () => {
  const g = new GraphBuilder("test");
  const x = g.input("x", "float32", ["rows", 4]);
  assert.throws(() => layerCosts(g.build({ y: g.linear("a", x, 2) }), {}), /"rows" has no value/);
});
