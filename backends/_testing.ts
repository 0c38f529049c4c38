/** Small programs for the tests of this folder. */
import { GraphBuilder } from "../graph/builder.ts";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";
import type { Weights } from "../weights/weights.ts";
import type { GraphSource } from "./backend.ts";

/** `y = x · weightᵀ` with a weight `[4, 3]` whose elements are their index. */
export const layerWeight: MemoryTensor = {
  dtype: "F32",
  shape: [4, 3],
  data: Float32Array.from({ length: 12 }, (_, i) => i),
};

/** The layer over weights of one's own. */
export function layer(weights: Weights = memoryWeights({ "it.weight": layerWeight })): GraphSource {
  const g = new GraphBuilder("layer");
  const x = g.input("x", "float32", ["rows", 3]);
  return { kind: "graph", graph: g.build({ y: g.linear("it", x, 4, { bias: false }) }), weights };
}

/** An input of the layer, and what it makes of it. */
export const layerInput = { x: { data: Float32Array.of(1, 0, -1), shape: [1, 3] } };
export const layerOutput = { y: { data: Float32Array.of(-2, -2, -2, -2), shape: [1, 4] } };

/** A program that takes a while: products of `[n, n]` matrices in a row. */
export function slow(n: number, products: number): GraphSource {
  const g = new GraphBuilder("slow");
  const x = g.input("x", "float32", [n, n]);
  let y = x;
  for (let i = 0; i < products; i++) y = g.matmul(`product.${i}`, y, x);
  return { kind: "graph", graph: g.build({ y }), weights: memoryWeights({}) };
}

/** Runs TypeScript in a process of its own, with the given flags, and gives what it printed. */
export async function runScript(code: string, flags: readonly string[]): Promise<string> {
  const root = new URL("..", import.meta.url).pathname;
  const file = await Deno.makeTempFile({ dir: root, suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    const args = ["run", "--no-prompt", "--no-check", ...flags, file];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr));
    return decoder.decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}
