/**
 * What a LoRA may change: every module of a network with a weight. Factors are for linear layers and convolutions;
 * normalisations have full differences.
 *
 * @module
 */
import type { Graph } from "../graph/graph.ts";
import type { LoraTarget } from "./lora.ts";

/**
 * Shapes of the weights, as the model's file has them, by module path: `[out, in]` or `[out, in, k, k]`, of
 * normalisations `[out]`.
 */
export type ModuleShapes = ReadonlyMap<string, readonly number[]>;

/** The modules of the networks that a LoRA may change; a network that is absent has none. */
export type LoraModules = Readonly<Partial<Record<LoraTarget, ModuleShapes>>>;

/**
 * The modules of a network, from its graph. Of a text encoder give the whole graph, not one that skips layers.
 *
 * @example
 * ```ts
 * import { loraModules } from "@mobile-diffusion/sdk/adapters";
 * import { readUnetConfig, unet } from "@mobile-diffusion/sdk/models";
 *
 * const graph = unet(readUnetConfig({
 *   block_out_channels: [32, 64],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 * }));
 * console.log(loraModules(graph).get("conv_in")); // [ 32, 4, 3, 3 ]
 * ```
 */
export function loraModules({ weights }: Graph): ModuleShapes {
  const end = ".weight";
  const changed = weights.filter(({ key }) => key.endsWith(end));
  return new Map(changed.map(({ key, stored }) => [key.slice(0, -end.length), stored]));
}
