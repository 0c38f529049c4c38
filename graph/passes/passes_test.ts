import assert from "node:assert/strict";
import { estimateMemory } from "../../backends/memory_plan.ts";
import { wasm } from "../../backends/wasm.ts";
import type { Tensor } from "../../core/tensor.ts";
import { unet } from "../../models/unet.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import { readJson } from "../../tests/_fixtures.ts";
import { memoryWeights } from "../../weights/memory.ts";
import { GraphBuilder } from "../builder.ts";
import type { Graph } from "../graph.ts";
import { rewrite } from "../rewrite.ts";
import { lowRankPorts } from "./low_rank_ports.ts";
import { residualPorts } from "./residual_ports.ts";

const config = readUnetConfig(await readJson("pipelines/sd15-tiny/unet/config.json"));
const plain = unet(config);
const name = (layer: string, factor: string) => `${layer}:${factor}`;

/** `a` is used at once, and again behind two places: y = (x + 1) · 2, z = (x + 1) [first] [second] · 3. */
function branching(): Graph {
  const g = new GraphBuilder("branching");
  const a = g.add("a", g.input("x", "float32", ["rows", 2]), g.scalar(1));
  const first = g.place("first", a);
  const z = g.multiply("z", g.place("second", first), g.scalar(3));
  return g.build({ y: g.multiply("y", a, g.scalar(2)), z, w: g.multiply("w", first, g.scalar(1)) });
}

async function run(graph: Graph, inputs: Record<string, Tensor>): Promise<Record<string, number[]>> {
  const backend = wasm({ worker: false, threads: 1 });
  await using runner = await backend.load({ kind: "graph", graph, weights: memoryWeights({}) });
  const outputs = await runner.run(inputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name, [...(tensor as Tensor).data]]),
  );
}

Deno.test("a place computes nothing, and is where a residual is added", async () => {
  const graph = branching();
  const x = { data: Float32Array.of(1, 2), shape: [1, 2] };
  const ten = { data: Float32Array.of(10, 10), shape: [1, 2] };
  const hundred = { data: Float32Array.of(100, 100), shape: [1, 2] };
  assert.deepEqual(graph.places?.map(({ name, behind }) => [name, behind]), [["first", undefined], [
    "second",
    "first",
  ]]);
  assert.equal(graph.nodes.length, 4);
  assert.deepEqual(await run(graph, { x }), { y: [4, 6], z: [6, 9], w: [2, 3] });
  assert.deepEqual(await run(residualPorts(graph, ["first"]), { x, first: ten }), {
    y: [4, 6],
    z: [36, 39],
    w: [12, 13],
  });
  assert.deepEqual(await run(residualPorts(graph, ["second"]), { x, second: hundred }), {
    y: [4, 6],
    z: [306, 309],
    w: [2, 3],
  });
  const both = { x, first: ten, second: hundred };
  const sums = { y: [4, 6], z: [336, 339], w: [12, 13] };
  assert.deepEqual(await run(residualPorts(graph, ["first", "second"]), both), sums);
  assert.deepEqual(await run(residualPorts(residualPorts(graph, ["second"]), ["first"]), both), sums);
  assert.deepEqual(await run(residualPorts(residualPorts(graph, ["first"]), ["second"]), both), sums);
  assert.equal(residualPorts(graph, ["third"]), graph);
});

Deno.test("a graph that is written again is the same", () => {
  assert.deepEqual(rewrite(plain, {}), plain);
  assert.deepEqual(rewrite(branching(), {}), branching());
});

Deno.test("passes keep each other's places, whatever their order", () => {
  const low = (graph: Graph) =>
    lowRankPorts(graph, { rank: 2, name, select: (layer) => layer.includes("attn") });
  const steer = (graph: Graph) => residualPorts(graph, plain.places!.map(({ name }) => name));
  const [a, b] = [low(steer(plain)), steer(low(plain))];
  const names = ({ inputs }: Graph) => inputs.map(({ name }) => name).sort();
  assert.deepEqual(names(a), names(b));
  assert.equal(a.nodes.length, b.nodes.length);
  assert.equal(
    a.nodes.length - plain.nodes.length,
    plain.places!.length + 3 * (names(low(plain)).length - plain.inputs.length) / 2,
  );
  assert.deepEqual(steer(plain).places, []);
  const sizes = { rows: 1, height: 8, width: 8, tokens: 77 };
  assert.deepEqual(
    estimateMemory(rewrite(plain, {}), "float32", sizes),
    estimateMemory(plain, "float32", sizes),
  );
});

Deno.test("ports of no rank are refused", () => {
  for (const rank of [0, 1.5, NaN]) {
    assert.throws(() => lowRankPorts(plain, { rank, name }), /rank .*: expected a whole number of 1 or more/);
  }
});
