/**
 * What a LoRA may change: the linear layers and convolutions of a network.
 *
 * @module
 */
import type { Graph, WeightValue } from "../graph/graph.ts";
import type { LoraTarget } from "./lora.ts";

/** Shapes of the weights, as the model's file has them, by module path: `[out, in]` or `[out, in, k, k]`. */
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
export function loraModules({ nodes, weights }: Graph): ModuleShapes {
  const byName = new Map<string, WeightValue>(weights.map((weight) => [weight.name, weight]));
  const shapes = new Map<string, readonly number[]>();
  for (const { operator, inputs } of nodes) {
    if (operator !== "linear" && operator !== "conv2d") continue;
    const weight = byName.get(inputs[1]!.name);
    if (weight !== undefined) shapes.set(weight.key.slice(0, -".weight".length), weight.stored);
  }
  return shapes;
}
