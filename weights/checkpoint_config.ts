/**
 * The configuration of an original single-file checkpoint, which the file does not contain, worked out from the
 * shapes of its tensors.
 *
 * @module
 */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import type { PredictionType } from "../core/schedule.ts";
import type { UnetLayout, VaeLayout } from "./checkpoint_map.ts";
import type { Weights } from "./weights.ts";

/** What a `config.json` of diffusers says. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** Weights, with the metadata of the file where there are any. */
export type CheckpointWeights = Weights & { readonly metadata?: Readonly<Record<string, string>> };

/** What {@linkcode inferCheckpointConfig} found out. */
export interface CheckpointConfig {
  /** The UNet's `config.json`. */
  readonly unet: ConfigJson;
  /** The VAE's. */
  readonly vae: ConfigJson;
  /** The text encoder's. */
  readonly textEncoder: ConfigJson;
  /** What the network predicts. Absent where neither metadata nor family tell: 2.x exists in both kinds. */
  readonly predictionType?: PredictionType;
  /** What the names of the tensors depend on. */
  readonly layout: { readonly unet: UnetLayout; readonly vae: VaeLayout; readonly text: TextLayout };
}

/** What the names in a text encoder depend on. */
export interface TextLayout {
  /** Stable Diffusion 1.x has CLIP's from transformers, 2.x has OpenCLIP's. */
  readonly kind: "clip" | "openclip";
  /** Number of transformer layers that are used. */
  readonly layers: number;
  /** What the tensors' names begin with. */
  readonly prefix: string;
}

/**
 * Works out the configuration of a Stable Diffusion 1.x or 2.x checkpoint. What shapes cannot tell (groups of the
 * normalisations, 1.x's number of heads, the size of the pictures) has the value that it has in all published models.
 *
 * @throws {UnsupportedModelError} If the checkpoint is of another family, as SDXL or Flux.
 * @throws {WeightsError} If it is no checkpoint, or a network is missing.
 */
export function inferCheckpointConfig(weights: CheckpointWeights): CheckpointConfig {
  refuseOtherFamilies(weights);
  const text = inferText(weights);
  const predictionType = inferPredictionType(weights, text.layout);
  const unet = inferUnet(weights, text.layout, predictionType);
  const vae = inferVae(weights);
  return {
    unet: unet.config,
    vae: vae.config,
    textEncoder: text.config,
    ...predictionType !== undefined && { predictionType },
    layout: { unet: unet.layout, vae: vae.layout, text: text.layout },
  };
}

const otherFamilies: Readonly<Record<string, string>> = {
  "conditioner.embedders.": "Stable Diffusion XL",
  "model.diffusion_model.label_emb.": "Stable Diffusion XL",
  "model.diffusion_model.joint_blocks.": "Stable Diffusion 3",
  "model.diffusion_model.double_blocks.": "Flux",
  "double_blocks.": "Flux",
};

function refuseOtherFamilies(weights: Weights): void {
  for (const name of weights.names()) {
    const family = Object.keys(otherFamilies).find((prefix) => name.startsWith(prefix));
    if (family === undefined) continue;
    throw new UnsupportedModelError(
      `Cannot open checkpoint: it is of the family ${otherFamilies[family]}, expected Stable Diffusion 1.x or 2.x.`,
    );
  }
}

function inferUnet(weights: Weights, text: TextLayout, predictionType: PredictionType | undefined) {
  const prefix = "model.diffusion_model.";
  const has = (name: string) => weights.info(prefix + name) !== undefined;
  const shape = (name: string) => shapeOf(weights, prefix + name);
  const channels: number[] = [];
  const attention: boolean[] = [];
  let block = 1;
  for (; has(`input_blocks.${block}.0.in_layers.2.weight`); block++) {
    if (block === 1 || has(`input_blocks.${block - 1}.0.op.weight`)) { // the first block of a level
      channels.push(shape(`input_blocks.${block}.0.in_layers.2.weight`)[0]!);
      attention.push(has(`input_blocks.${block}.1.norm.weight`));
    }
    if (has(`input_blocks.${block + 1}.0.op.weight`)) block++;
  }
  const levels = channels.length;
  const layers = (block - levels) / levels; // `block` counts the first convolution, and a downsampler a level but one
  const middle = "middle_block.1.transformer_blocks";
  const depth = count((i) => has(`${middle}.${i}.norm1.weight`));
  const crossAttention = shape(`${middle}.0.attn2.to_k.weight`)[1]!;
  const typed = (name: string) => (attends: boolean) => attends ? `CrossAttn${name}` : name;
  const config = {
    _class_name: "UNet2DConditionModel",
    act_fn: "silu",
    attention_head_dim: text.kind === "openclip" ? channels.map((width) => width / 64) : 8,
    block_out_channels: channels,
    cross_attention_dim: crossAttention,
    down_block_types: attention.map(typed("DownBlock2D")),
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: shape("input_blocks.0.0.weight")[1]!,
    layers_per_block: layers,
    mid_block_type: "UNetMidBlock2DCrossAttn",
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: shape("out.2.weight")[0]!,
    sample_size: text.kind === "openclip" && predictionType === "v_prediction" ? 96 : 64,
    time_cond_proj_dim: has("time_embed.cond_proj.weight") ? shape("time_embed.cond_proj.weight")[1]! : null,
    transformer_layers_per_block: depth,
    up_block_types: attention.toReversed().map(typed("UpBlock2D")),
    use_linear_projection: shape("middle_block.1.proj_in.weight").length === 2,
  };
  return { config, layout: { attention, layers, depth } };
}

function inferVae(weights: Weights) {
  const prefix = "first_stage_model.";
  const has = (name: string) => weights.info(prefix + name) !== undefined;
  const shape = (name: string) => shapeOf(weights, prefix + name);
  const levels = count((level) => has(`encoder.down.${level}.block.0.conv1.weight`));
  const layers = count((layer) => has(`encoder.down.0.block.${layer}.conv1.weight`));
  const channels = Array.from({ length: levels }, (_, i) => shape(`encoder.down.${i}.block.0.conv1.weight`)[0]!);
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
    scaling_factor: 0.18215,
    up_block_types: channels.map(() => "UpDecoderBlock2D"),
    use_post_quant_conv: has("post_quant_conv.weight"),
    use_quant_conv: has("quant_conv.weight"),
  };
  return { config, layout: { levels, layers } };
}

function inferText(weights: Weights): { readonly config: ConfigJson; readonly layout: TextLayout } {
  const names = textNames.find(({ layout, token }) => weights.info(layout.prefix + token) !== undefined);
  if (names === undefined) throw missingPart("text encoder", "cond_stage_model.transformer. or cond_stage_model.model.");
  const { layout: { kind, prefix }, token, position, layer } = names;
  const [vocabulary, width] = shapeOf(weights, prefix + token) as [number, number];
  const [positions] = shapeOf(weights, prefix + position);
  const [intermediate] = shapeOf(weights, prefix + layer(0));
  const stored = count((i) => weights.info(prefix + layer(i)) !== undefined);
  const layers = kind === "openclip" ? stored - 1 : stored; // 2.x was trained on the last layer but one
  const config = {
    _class_name: "CLIPTextModel",
    hidden_act: kind === "openclip" ? "gelu" : "quick_gelu",
    hidden_size: width,
    intermediate_size: intermediate!,
    layer_norm_eps: 1e-5,
    max_position_embeddings: positions!,
    num_attention_heads: width / 64,
    num_hidden_layers: layers,
    vocab_size: vocabulary,
  };
  return { config, layout: { kind, layers, prefix } };
}
