/**
 * Configurations of published UNets, as their `config.json` would say them.
 *
 * MobileDiffusion (Zhao et al. 2023, arXiv 2311.16567) is published without weights and without a full description.
 * These two have the layout that is known of it:
 *
 * - 64²: residual blocks only, two on the way down and none on the way up;
 * - 32²: residual blocks, each with a transformer of cross-attention only, two down and two up;
 * - 16²: one such block, then a stack of residual blocks, each with a transformer of three full layers, in place of
 *   a middle and of a way up;
 * - one projection for keys and values, ReLU attention, Swish gates of three times the width, and one long skip
 *   connection a level.
 *
 * What is not known was chosen so that parameters and multiply-adds come nearest to the paper's:
 *
 * | | parameters | paper | multiply-adds | paper | residual blocks | self- + cross-attention |
 * |---|---|---|---|---|---|---|
 * | MobileDiffusion | 386.9 M | 386 M | 182.8 G | 182 G | 12 | 15 + 20 |
 * | MobileDiffusion-Lite | 276.1 M | 278 M | 150.8 G | 153 G | 11 | 12 + 17 |
 *
 * The choices: separable convolutions in the stack alone (all of 16² separable: 356.5 M and 162.2 G; 32² too: 320.2 M
 * and 117.4 G; none: 470.7 M and 204.2 G); the long skip of 16² joins after the stack, before the resolution doubles;
 * the stack has five blocks, in Lite four; heads are 64 wide, which changes neither number. The paper's table, as far as
 * it is known, counts 11 residual blocks and 15 + 18 (Lite 12 + 15) attentions. Multiply-adds are of one call on a
 * 64 × 64 latent with 77 tokens, the products of attention included, with which Stable Diffusion 1.5 has 401.6 G here
 * and 392 G in the paper.
 *
 * @module
 */
import type { Json } from "../core/json.ts";

const common: Json = {
  _class_name: "UNet2DConditionModel",
  sample_size: 64,
  in_channels: 8,
  out_channels: 8,
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  mid_block_type: "MobileMidBlock2D",
  up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  layers_per_block: [2, 2, 1],
  up_layers_per_block: [0, 2, 0],
  mid_block_transformer_layers: 3,
  separable_convolutions: false,
  mid_block_separable_convolutions: true,
  self_attention: false,
  skip_connections: "level",
  cross_attention_dim: 768,
  time_embedding_dim: 1280,
  use_linear_projection: true,
  attention_activation: "relu",
  attention_length_norm: true,
  shared_key_value: true,
  feed_forward_activation: "swiglu",
  feed_forward_multiplier: 3,
};

/** MobileDiffusion's UNet. */
export const MOBILE_DIFFUSION: Json = {
  ...common,
  block_out_channels: [320, 640, 1024],
  attention_head_dim: [5, 10, 16],
  mid_block_layers: 5,
};

/** MobileDiffusion-Lite's UNet. */
export const MOBILE_DIFFUSION_LITE: Json = {
  ...common,
  block_out_channels: [320, 640, 896],
  attention_head_dim: [5, 10, 14],
  mid_block_layers: 4,
};

/** Stable Diffusion 1.5's UNet: 859.5 M parameters. */
export const STABLE_DIFFUSION_15: Json = {
  _class_name: "UNet2DConditionModel",
  sample_size: 64,
  block_out_channels: [320, 640, 1280, 1280],
  down_block_types: ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
  layers_per_block: 2,
  attention_head_dim: 8,
  cross_attention_dim: 768,
};
