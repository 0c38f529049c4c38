/** Small programs for the tests of this folder. */
import type { Tensor } from "../core/tensor.ts";
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
export const layerInput: Readonly<Record<string, Tensor>> = {
  x: { data: Float32Array.of(1, 0, -1), shape: [1, 3] },
};
export const layerOutput: Readonly<Record<string, Tensor>> = {
  y: { data: Float32Array.of(-2, -2, -2, -2), shape: [1, 4] },
};

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
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", ...flags, "-"],
    cwd: new URL("..", import.meta.url).pathname,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}
