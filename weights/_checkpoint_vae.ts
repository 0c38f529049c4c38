import type { Json } from "../core/json.ts";
import { checkpointPart, count } from "./_checkpoint_part.ts";
import type { VaeLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** Works out a VAE from its original names under a prefix; its scaling factor is in no tensor. */
export function inferVae(
  weights: Weights,
  scalingFactor: number,
  prefix: string = "first_stage_model.",
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
