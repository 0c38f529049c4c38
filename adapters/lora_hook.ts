/**
 * LoRA as inputs of a network: the graph has ports for the factors, so that adapters come, go and change their
 * strength while the model stays loaded.
 *
 * @module
 */
import type { LayerHook } from "../graph/builder.ts";
import { portName } from "./_port_name.ts";

/** Which layers have ports, and how much fits through them. */
export interface LoraPorts {
  /** The projections of the attention (what most LoRAs change), or every linear layer and convolution. */
  readonly modules: "attention" | "all";
  /** Sum of the ranks of all LoRAs that are active at the same time, 1 or more. */
  readonly rank: number;
}

/**
 * Adds ports to the layers of a graph: the layer's output gains `x · down · up`. Inputs, all float32:
 *
 * - `lora.<module>.down` `[in, rank]` and `lora.<module>.up` `[rank, out]` of a linear layer;
 * - `lora.<module>.down` `[rank, in, k, k]` and `lora.<module>.up` `[out, rank, 1, 1]` of a convolution.
 *
 * {@linkcode hotLoraInputs} makes their values. Depthwise convolutions have no ports: their weights are smaller
 * than the factors would be.
 *
 * @throws {RangeError} If the rank is no whole number of 1 or more.
 *
 * @example
 * ```ts
 * import { loraHook } from "@mobile-diffusion/sdk/adapters";
 * import { readUnetConfig, unet } from "@mobile-diffusion/sdk/models";
 *
 * const config = readUnetConfig({
 *   block_out_channels: [32, 64],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 * });
 * const graph = unet(config, { hook: loraHook({ modules: "attention", rank: 16 }) });
 * console.log(graph.inputs.filter(({ name }) => name.startsWith("lora.")).length); // 96
 * ```
 */
export function loraHook({ modules, rank }: LoraPorts): LayerHook {
  if (!Number.isInteger(rank) || rank < 1) {
    throw new RangeError(`Cannot make LoRA ports of rank ${rank}: expected a whole number of 1 or more.`);
  }
  return (g, layer, input, output, window) => {
    if (modules === "attention" && !attention.test(layer)) return output;
    const port = (name: "down" | "up", shape: readonly number[]) =>
      g.input(portName(layer, name), "float32", shape);
    if (window === undefined) {
      const down = port("down", [input.shape.at(-1) as number, rank]);
      const up = port("up", [rank, output.shape.at(-1) as number]);
      return g.add(layer, output, g.matmul(layer, g.matmul(layer, input, down), up));
    }
    if (window.groups !== 1) return output;
    const [inputs, outputs] = [input.shape[1] as number, output.shape[1] as number];
    const down = port("down", [rank, inputs, window.kernel, window.kernel]);
    const up = port("up", [outputs, rank, 1, 1]);
    const narrow = g.conv2d(layer, input, rank, { ...window, weight: down, bias: false });
    return g.add(layer, output, g.conv2d(layer, narrow, outputs, { kernel: 1, weight: up, bias: false }));
  };
}

/** The projections of a UNet's or a text encoder's attention. */
const attention = /\.(attn\d|self_attn)\.[\w.]+$/;
