import type { Json } from "../core/json.ts";
import { WeightsError } from "../core/errors.ts";
import { checkpointPart, count } from "./_checkpoint_part.ts";
import type { UnetLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** What the shapes in a UNet do not tell. */
interface UnetHints {
  /** Stable Diffusion 2.x and XL: heads are 64 wide. In 1.x there are 8 of them. */
  readonly wideHeads: boolean;
  /** Side of the training pictures in latent pixels. */
  readonly sampleSize: number;
}

/** Works out a UNet, or a ControlNet's copy of its encoder, from its original names under a prefix. */
export function inferUnet(
  weights: Weights,
  { wideHeads, sampleSize }: UnetHints,
  prefix: string = "model.diffusion_model.",
): { readonly config: Json; readonly layout: UnetLayout } {
  const { has, shape } = checkpointPart(weights, prefix, "UNet");
  const isResidual = (block: number) => has(`input_blocks.${block}.0.in_layers.2.weight`);
  const isDownsampler = (block: number) => has(`input_blocks.${block}.0.op.weight`);
  const blocks = count((i) => isResidual(i + 1) || isDownsampler(i + 1)); // block 0 is the first convolution
  const levels = 1 + Array.from({ length: blocks }, (_, i) => i + 1).filter(isDownsampler).length;
  const layers = (blocks + 1 - levels) / levels;
  const starts = Array.from({ length: levels }, (_, level) => `input_blocks.${1 + level * (layers + 1)}`);
  const channels = starts.map((start) => shape(`${start}.0.in_layers.2.weight`)[0]!);
  const attention = starts.map((start) => has(`${start}.1.norm.weight`));
  const depthOf = (block: string) => count((i) => has(`${block}.1.transformer_blocks.${i}.norm1.weight`));
  const places = (side: string, first: number, length: number) =>
    Array.from({ length }, (_, i) => `${side}_blocks.${first + i}`);
  /** Depths of each level's transformers: on the way down, and on the way up from the lowest resolution. */
  const down = starts.map((_, level) => places("input", 1 + level * (layers + 1), layers).map(depthOf));
  const up = starts.map((_, level) => places("output", level * (layers + 1), layers + 1).map(depthOf));
  const middle = depthOf("middle_block");
  const depths = down.map((own, level) => brief(own, level === levels - 1 ? middle : 0));
  const hasUp = has("output_blocks.0.0.in_layers.2.weight"); // a ControlNet's copy ends in the middle
  const mirrored = !hasUp || down.toReversed().every((own, level) => same([...own, ...up[level]!]));
  const attending = ["middle_block", ...places("input", 0, blocks + 1)].find((block) => depthOf(block) > 0);
  if (attending === undefined) {
    throw new WeightsError(
      "Cannot open checkpoint: its UNet attends to no text, expected transformers in it.",
    );
  }
  const added = has("label_emb.0.0.weight") ? shape("label_emb.0.0.weight")[1]! : undefined;
  const blockType = (name: string) => (attends: boolean) => attends ? `CrossAttn${name}` : name;
  const config = {
    _class_name: "UNet2DConditionModel",
    act_fn: "silu",
    attention_head_dim: wideHeads ? channels.map((width) => width / 64) : 8, // means the number of heads
    block_out_channels: channels,
    cross_attention_dim: shape(`${attending}.1.transformer_blocks.0.attn2.to_k.weight`)[1]!,
    down_block_types: attention.map(blockType("DownBlock2D")),
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: shape("input_blocks.0.0.weight")[1]!,
    layers_per_block: layers,
    mid_block_type: !has("middle_block.0.in_layers.2.weight")
      ? null
      : has("middle_block.2.in_layers.2.weight")
      ? "UNetMidBlock2DCrossAttn"
      : "UNetMidBlock2D",
    ...middle > 0 && middle !== [depths.at(-1)!].flat().at(-1) && { mid_block_transformer_layers: middle },
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: has("out.2.weight") ? shape("out.2.weight")[0]! : shape("input_blocks.0.0.weight")[1]!,
    sample_size: sampleSize,
    time_cond_proj_dim: has("time_embed.cond_proj.weight") ? shape("time_embed.cond_proj.weight")[1]! : null,
    transformer_layers_per_block: same(depths) ? depths[0] : depths,
    reverse_transformer_layers_per_block: mirrored ? null : up.map((own) => brief(own)),
    up_block_types: attention.toReversed().map(blockType("UpBlock2D")),
    use_linear_projection: shape(`${attending}.1.proj_in.weight`).length === 2,
    ...added !== undefined && {
      addition_embed_type: "text_time",
      projection_class_embeddings_input_dim: added,
    },
  };
  return { config, layout: { attention, layers, depth: Math.max(...[...down, ...up].flat(), middle) } };
}

/**
 * A level's depths as `config.json` has them: one number where all are equal. Where there is no transformer any number
 * will do, but that of the last level counts for the middle too.
 */
function brief(depths: readonly number[], otherwise: number = 0): number | readonly number[] {
  return same(depths) ? depths[0]! || otherwise || 1 : depths;
}

function same(values: readonly unknown[]): boolean {
  return values.every((value) => value === values[0]);
}
