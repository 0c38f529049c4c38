import { checkpointPart, type ConfigJson, count } from "./_checkpoint_part.ts";
import type { UnetLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** What the shapes in a UNet do not tell. */
interface UnetHints {
  /** Stable Diffusion 2.x: heads are 64 wide. In 1.x there are 8 of them. */
  readonly wideHeads: boolean;
  /** Side of the training pictures in latent pixels. */
  readonly sampleSize: number;
}

/** Works out a UNet, or a ControlNet's copy of its encoder, from its original names under a prefix. */
export function inferUnet(
  weights: Weights,
  { wideHeads, sampleSize }: UnetHints,
  prefix: string = "model.diffusion_model.",
): { readonly config: ConfigJson; readonly layout: UnetLayout } {
  const { has, shape } = checkpointPart(weights, prefix, "UNet");
  const isResidual = (block: number) => has(`input_blocks.${block}.0.in_layers.2.weight`);
  const isDownsampler = (block: number) => has(`input_blocks.${block}.0.op.weight`);
  const blocks = count((i) => isResidual(i + 1) || isDownsampler(i + 1)); // block 0 is the first convolution
  const levels = 1 + Array.from({ length: blocks }, (_, i) => i + 1).filter(isDownsampler).length;
  const layers = (blocks + 1 - levels) / levels;
  const starts = Array.from({ length: levels }, (_, level) => `input_blocks.${1 + level * (layers + 1)}`);
  const channels = starts.map((start) => shape(`${start}.0.in_layers.2.weight`)[0]!);
  const attention = starts.map((start) => has(`${start}.1.norm.weight`));
  const depth = count((i) => has(`middle_block.1.transformer_blocks.${i}.norm1.weight`));
  const blockType = (name: string) => (attends: boolean) => attends ? `CrossAttn${name}` : name;
  const config = {
    _class_name: "UNet2DConditionModel",
    act_fn: "silu",
    attention_head_dim: wideHeads ? channels.map((width) => width / 64) : 8, // means the number of heads
    block_out_channels: channels,
    cross_attention_dim: shape("middle_block.1.transformer_blocks.0.attn2.to_k.weight")[1]!,
    down_block_types: attention.map(blockType("DownBlock2D")),
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: shape("input_blocks.0.0.weight")[1]!,
    layers_per_block: layers,
    mid_block_type: "UNetMidBlock2DCrossAttn",
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: has("out.2.weight") ? shape("out.2.weight")[0]! : shape("input_blocks.0.0.weight")[1]!,
    sample_size: sampleSize,
    time_cond_proj_dim: has("time_embed.cond_proj.weight") ? shape("time_embed.cond_proj.weight")[1]! : null,
    transformer_layers_per_block: depth,
    up_block_types: attention.toReversed().map(blockType("UpBlock2D")),
    use_linear_projection: shape("middle_block.1.proj_in.weight").length === 2,
  };
  return { config, layout: { attention, layers, depth } };
}
