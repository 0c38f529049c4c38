import assert from "node:assert/strict";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { memoryWeights } from "../weights/memory.ts";
import { checkMemory, estimateMemory } from "./memory_plan.ts";
import { wasm } from "./wasm.ts";

/** Three linear layers `[width, width]`, of which two hidden results are alive at a time. */
function layers(width: number): Graph {
  const g = new GraphBuilder("layers");
  let x = g.input("x", "float32", ["rows", width]);
  for (let i = 0; i < 3; i++) x = g.linear(`layers.${i}`, x, width, { bias: false });
  return g.build({ y: x });
}

Deno.test("weights and the worst moment are counted", () => {
  const sizes = { rows: 10 };
  assert.deepEqual(estimateMemory(layers(64), "float32", sizes), {
    weights: 3 * 4 * 64 ** 2,
    activations: 2 * 4 * 640,
  });
  assert.deepEqual(estimateMemory(layers(64), "float16", sizes), {
    weights: 3 * 2 * 64 ** 2,
    activations: 2 * 2 * 640,
  });
  assert.deepEqual(estimateMemory(layers(64), "int8", sizes), {
    weights: 3 * 64 ** 2,
    activations: 4 * (2 * 640 + 64 ** 2), // and one layer's weights as float32
  });
  assert.equal(estimateMemory(layers(64), "float32").activations, 0);
});

Deno.test("attention counts its scores twice", () => {
  const g = new GraphBuilder("attention");
  const x = g.input("x", "float32", ["rows", "tokens", 8]);
  const graph = g.build({ y: g.attention("mix", x, x, x, { heads: 2 }) });
  const { activations } = estimateMemory(graph, "float32", { rows: 1, tokens: 100 });
  assert.equal(activations, 4 * (800 + 800 + 2 * 2 * 100 * 100));
});

Deno.test("a graph that does not fit is refused, with the arithmetic in which it would", async () => {
  const graph = layers(23_170); // 3 × 2 GiB
  const limit = { backend: "wasm", limit: 2 ** 32, sizes: { rows: 1 } };
  assert.throws(() => checkMemory(graph, "float32", limit), {
    name: "UnsupportedModelError",
    message:
      /^Cannot load layers in float32 on wasm: it takes about 6\.\d GiB, and there are 4\.0 GiB\. In int8 .* use dtype "int8"/,
  });
  assert.throws(() => checkMemory(layers(46_340), "int8", limit), /Use a smaller size or another backend/);
  assert.doesNotThrow(() => checkMemory(graph, "int8", limit));
  const read = () => assert.fail("nothing is read before the plan");
  const weights = {
    ...memoryWeights({}),
    info: () => ({ dtype: "F32", shape: graph.weights[0]!.stored, byteLength: 0 } as const),
    read,
  };
  await assert.rejects(() => wasm().load({ kind: "graph", graph, weights }), /use dtype "int8"/);
});
