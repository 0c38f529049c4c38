/** Configurations of the published UNets of Stable Diffusion XL and its children. */
import type { Json } from "../core/json.ts";

/** What the published UNets have in common. */
export const xl: Json = {
  addition_embed_type: "text_time",
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  projection_class_embeddings_input_dim: 2816,
  sample_size: 128,
  transformer_layers_per_block: [1, 2, 10],
  up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  use_linear_projection: true,
};

/** Segmind's SSD-1B. */
export const ssd1b: Json = {
  ...xl,
  mid_block_type: "UNetMidBlock2D",
  reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1],
  transformer_layers_per_block: [1, [2, 2], [4, 4]],
};

/** Segmind's Vega. */
export const vega: Json = {
  ...xl,
  mid_block_type: "UNetMidBlock2D",
  transformer_layers_per_block: [1, 1, 2],
};

/** The refiner. */
export const refiner: Json = {
  ...xl,
  attention_head_dim: [6, 12, 24, 24],
  block_out_channels: [384, 768, 1536, 1536],
  cross_attention_dim: 1280,
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  projection_class_embeddings_input_dim: 2560,
  transformer_layers_per_block: 4,
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
};
