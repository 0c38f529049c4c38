import type { Json } from "../core/json.ts";
import { checkpointPart, count } from "./_checkpoint_part.ts";
import type { VaeLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** What names and shapes do not tell of a VAE. */
export interface VaeHints {
  /** What its tensors' names begin with. @default {"first_stage_model."} */
  readonly prefix?: string;
  /** What latents are multiplied by, which is in no tensor. @default {0.18215} */
  readonly scalingFactor?: number;
}

/** Works out a VAE from its original names. */
export function inferVae(
  weights: Weights,
  { prefix = "first_stage_model.", scalingFactor = 0.18215 }: VaeHints = {},
): { readonly config: Json; readonly layout: VaeLayout } {
  const { has, shape } = checkpointPart(weights, prefix, "VAE");
  const levels = count((level) => has(`encoder.down.${level}.block.0.conv1.weight`));
  const layers = count((layer) => has(`encoder.down.0.block.${layer}.conv1.weight`));
  const channels = Array.from(
    { length: levels },
    (_, i) => shape(`encoder.down.${i}.block.0.conv1.weight`)[0]!,
  );
  const config = {
    _class_name: "AutoencoderKL",
    act_fn: "silu",
    block_out_channels: channels,
    down_block_types: channels.map(() => "DownEncoderBlock2D"),
    in_channels: shape("encoder.conv_in.weight")[1]!,
    latent_channels: shape("decoder.conv_in.weight")[1]!,
    layers_per_block: layers,
    mid_block_add_attention: has("encoder.mid.attn_1.q.weight"),
    norm_num_groups: 32,
    out_channels: shape("decoder.conv_out.weight")[0]!,
    sample_size: 512,
    scaling_factor: scalingFactor,
    up_block_types: channels.map(() => "UpDecoderBlock2D"),
    use_post_quant_conv: has("post_quant_conv.weight"),
    use_quant_conv: has("quant_conv.weight"),
  };
  return { config, layout: { levels, layers } };
}
