/**
 * LoRA as inputs of a network: the graph has ports for the factors, so that adapters come, go and change their
 * strength while the model stays loaded.
 *
 * @module
 */
import type { Graph } from "../graph/graph.ts";
import { lowRankPorts } from "../graph/passes/low_rank_ports.ts";
import { portName } from "./_port_name.ts";

/** Which layers have ports, and how much fits through them. */
export interface LoraPorts {
  /** The projections of the attention (what most LoRAs change), or every linear layer and convolution. */
  readonly modules: "attention" | "all";
  /** Sum of the ranks of all LoRAs that are active at the same time, 1 or more. */
  readonly rank: number;
}

/**
 * A network with ports for LoRAs: each layer's output gains `x · down · up`. The inputs are `lora.<module>.down` and
 * `lora.<module>.up` in the shapes of {@linkcode lowRankPorts}; {@linkcode hotLoraInputs} makes their values.
 *
 * @throws {RangeError} If the rank is no whole number of 1 or more.
 *
 * @example
 * ```ts
 * import { withLoraPorts } from "@mobile-diffusion/sdk/adapters";
 * import { readUnetConfig, unet } from "@mobile-diffusion/sdk/models";
 *
 * const config = readUnetConfig({
 *   block_out_channels: [32, 64],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 * });
 * const graph = withLoraPorts(unet(config), { modules: "attention", rank: 16 });
 * console.log(graph.inputs.filter(({ name }) => name.startsWith("lora.")).length); // 96
 * ```
 */
export function withLoraPorts(graph: Graph, { modules, rank }: LoraPorts): Graph {
  const select = (layer: string) => modules === "all" || attention.test(layer);
  return lowRankPorts(graph, { rank, select, name: portName });
}

/** The projections of a UNet's or a text encoder's attention. */
const attention = /\.(attn\d|self_attn)\.[\w.]+$/;
