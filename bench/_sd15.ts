/** Stable Diffusion 1.5's UNet at its real size, with random weights: a file like the real one, but free to make. */
import { readUnetConfig, type UnetArchitecture } from "../models/unet_config.ts";
import { unet } from "../models/unet.ts";
import { memoryWeights } from "../weights/memory.ts";
import { type ComputedTensor, overrideWeights } from "../weights/override.ts";
import { castWeights } from "../weights/cast.ts";
import type { Weights } from "../weights/weights.ts";
import type { Graph } from "../graph/graph.ts";

/** `unet/config.json` of Stable Diffusion 1.5. */
export const sd15Unet: UnetArchitecture = readUnetConfig({
  act_fn: "silu",
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  cross_attention_dim: 768,
  down_block_types: ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 4,
  sample_size: 64,
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
});

/** Its graph. */
export function sd15Graph(): Graph {
  return unet(sd15Unet);
}

/**
 * Weights for a graph: uniform, of variance 1 / fan-in, so that activations keep their size. Every tensor has values
 * of its own; runtimes share the packed copies of equal ones, which would flatter a memory measurement.
 */
export function randomWeights({ weights }: Graph, dtype: "F32" | "F16" = "F32"): Weights {
  const tensors = weights.map(({ key, stored }, seed): [string, ComputedTensor] => [key, {
    dtype: "F32",
    shape: stored,
    read: () => Promise.resolve(new Uint8Array(uniform(stored, seed + 1).buffer)),
  }]);
  return castWeights(overrideWeights(memoryWeights({}), new Map(tensors)), dtype);
}

function uniform(shape: readonly number[], seed: number): Float32Array<ArrayBuffer> {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const reach = Math.sqrt(3 * (shape[0] ?? 1) / size);
  const values = new Float32Array(size);
  let state = Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < size; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0; // Numerical Recipes' generator
    values[i] = reach * state / 2 ** 31;
  }
  return values;
}
