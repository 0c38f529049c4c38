/**
 * What a network costs, block by block, to be read.
 *
 * @module
 */
import { type Cost, graphCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * A table of parameters and multiply-adds, a line for each block that has parameters, and the sum of all last.
 *
 * @param free Values of the graph's free sizes, as `{ rows: 1, height: 64, width: 64, tokens: 77 }`.
 * @param depth How many names of a path make a block.
 *
 * @example
 * ```ts
 * import { costTable, MOBILE_DIFFUSION, readUnetConfig, unet } from "@mobile-diffusion/sdk/models";
 *
 * const graph = unet(readUnetConfig(MOBILE_DIFFUSION));
 * console.log(costTable(graph, { rows: 1, height: 64, width: 64, tokens: 77 }));
 * ```
 */
export function costTable(graph: Graph, free: Readonly<Record<string, number>>, depth: number = 2): string {
  const costs = graphCost(graph, free, depth);
  const blocks = [...costs].filter(([path, { parameters }]) => path !== "" && parameters > 0);
  const rows = [...blocks, ["all", costs.get("")!] as const].map(([path, cost]) => [path, ...cells(cost)]);
  const table = [["block", "parameters", "multiply-adds", "of attention"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const line = ([path, ...numbers]: readonly string[]) =>
    [path!.padEnd(widths[0]!), ...numbers.map((cell, i) => cell.padStart(widths[i + 1]!))].join("  ");
  return table.map(line).join("\n");
}

function cells({ parameters, multiplyAdds, attentionMultiplyAdds }: Cost): string[] {
  const all = multiplyAdds + attentionMultiplyAdds;
  return [
    `${(parameters / 1e6).toFixed(2)} M`,
    `${(all / 1e9).toFixed(2)} G`,
    `${(attentionMultiplyAdds / 1e9).toFixed(2)} G`,
  ];
}
