/** Small LoRA files in memory, for tests. */
import { type Lora, loraModules, type ModuleShapes, readLora, type ReadLoraOptions } from "./mod.ts";
import { clipText, type ClipTextConfig, readClipTextConfig } from "../models/clip_text.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig, type UnetArchitecture } from "../models/unet_config.ts";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";

/** A UNet with regular blocks, of 2 levels. */
export const architecture: UnetArchitecture = readUnetConfig({
  block_out_channels: [4, 8],
  cross_attention_dim: 6,
  attention_head_dim: 2,
  norm_num_groups: 2,
  down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
});

/** A text encoder of 2 layers. */
export const textConfig: ClipTextConfig = readClipTextConfig({
  hidden_size: 6,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 7,
  vocab_size: 10,
  hidden_act: "quick_gelu",
});

/** The modules of both networks. */
export const modules: { readonly unet: ModuleShapes; readonly textEncoder: ModuleShapes } = {
  unet: loraModules(unet(architecture)),
  textEncoder: loraModules(clipText(textConfig)),
};

/** A module of the UNet, whose weight is `[8, 8]`. */
export const query = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";

/** A float32 tensor filled by a function of the index. */
export function filled(shape: readonly number[], value: (i: number) => number = (i) => i + 1): MemoryTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => value(i)) };
}

/** Reads a LoRA from tensors. */
export function read(
  tensors: Readonly<Record<string, MemoryTensor>>,
  options: ReadLoraOptions & { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<Lora> {
  const { metadata = {}, ...rest } = options;
  return readLora({ ...memoryWeights(tensors), metadata }, modules, rest);
}

/** The two factors of a matrix, of rank 2 unless said, in kohya's spelling unless said. */
export function pair(
  stem: string,
  [outputs, inputs]: readonly [number, number],
  { rank = 2, down = ".lora_down.weight", up = ".lora_up.weight" }: {
    rank?: number;
    down?: string;
    up?: string;
  } = {},
): Record<string, MemoryTensor> {
  return { [stem + down]: filled([rank, inputs]), [stem + up]: filled([outputs, rank]) };
}
