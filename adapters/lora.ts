/**
 * Low-rank adapters (Hu et al. 2021, "LoRA"): files of small matrices whose products change a model's weights.
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";

/** The network that a layer of a LoRA changes. */
export type LoraTarget = "unet" | "textEncoder";

/** A matrix `up · down` of the shape of a weight, seen as `[out, in]` or, for a convolution, `[out, in·k·k]`. */
export interface LowRankProduct {
  /** `[out, rank]`. */
  readonly up: Tensor;
  /** `[rank, in]` or `[rank, in·k·k]`. */
  readonly down: Tensor;
}

/**
 * The change of one weight, W' = W + s · ΔW, s being the user's scale:
 *
 * - `lora`: ΔW = scale · up · down;
 * - `loha` (Hyeon-Woo et al. 2021, "FedPara", proposition 1): ΔW = scale · (up₁ · down₁) ⊙ (up₂ · down₂).
 */
export interface LoraLayer {
  /** The network. */
  readonly target: LoraTarget;
  /** Path of the module in its network, as `mid_block.resnets.0.conv1`; its weight is `<module>.weight`. */
  readonly module: string;
  /** How the products make ΔW. */
  readonly kind: "lora" | "loha";
  /** One product for `lora`, two for `loha`. */
  readonly products: readonly LowRankProduct[];
  /** alpha / rank; 1 where the file gives no alpha. */
  readonly scale: number;
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
   * How much of it: 0 is none, 1 as it was trained; negative and larger values are allowed.
   * @default {1}
   */
  readonly scale?: number | Readonly<Record<LoraTarget, number>>;
}
