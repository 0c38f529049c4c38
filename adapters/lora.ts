/**
 * Low-rank adapters (Hu et al. 2021, "LoRA"): files of small matrices whose products change a model's weights.
 *
 * @module
 */
import type { LoraInput } from "../core/model.ts";
import type { ModuleChange } from "./weight_adapter.ts";

/** The network that a layer of a LoRA changes; Stable Diffusion XL has two text encoders. */
export type LoraTarget = "unet" | "textEncoder" | "textEncoder2";

/** The change of one module by one file. */
export interface LoraLayer extends ModuleChange {
  /** The network. */
  readonly target: LoraTarget;
  /** Path of the module in its network, as `mid_block.resnets.0.conv1`; its weight is `<module>.weight`. */
  readonly module: string;
  /** The kind of adapter, as {@linkcode WeightAdapter.kind} has it. */
  readonly kind: string;
}

/** A LoRA in memory, with its keys resolved to the modules of a model. */
export interface Lora {
  /** The changes, one a module (two where a file spells a module in two ways; they add up). */
  readonly layers: readonly LoraLayer[];
  /** Keys of the file that belong to no module of the model; empty when the file was read strictly. */
  readonly unmatched: readonly string[];
}

/** A LoRA in use. */
export interface ActiveLora {
  /** The LoRA. */
  readonly lora: Lora;
  /**
   * How much of it: 0 is none, 1 as it was trained; negative and larger values are allowed. A second text encoder
   * takes the first one's where it has none of its own.
   * @default {1}
   */
  readonly scale?: LoraInput["scale"];
}
