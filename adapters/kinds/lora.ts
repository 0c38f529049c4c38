/**
 * LoRA: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; for convolutions LoCon (LyCORIS).
 *
 * @module
 */
import { checkBias, checkProduct, checkRank, checkTucker } from "../_checks.ts";
import { expandTucker } from "../_matrices.ts";
import type { WeightAdapter } from "../weight_adapter.ts";

/** ΔW = up · down; a convolution may have a k × k window `mid` between 1 × 1 factors; PEFT may train a bias too. */
export const lora: WeightAdapter = {
  kind: "LoRA",
  roles: {
    down: /(\.lora_down|\.lora_A(\.[^.]+)?|\.lora\.down|\.lora_linear_layer\.down|(?<=_lora)\.down)\.weight$/,
    up: /(\.lora_up|\.lora_B(\.[^.]+)?|\.lora\.up|\.lora_linear_layer\.up|(?<=_lora)\.up)\.weight$/,
    mid: /\.lora_mid\.weight$/,
    upBias: /\.lora_B(\.[^.]+)?\.bias$/,
  },
  recognises: (roles) => ["down", "up", "mid", "upBias"].some((role) => roles.has(role)),
  async read(tensors, module) {
    const [up, down] = [await tensors.matrix("up"), await tensors.matrix("down")];
    const scale = await tensors.scale(down.shape[0]!);
    const bias = tensors.roles.has("upBias")
      ? { bias: checkBias(await tensors.tensor("upBias"), module) }
      : {};
    if (!tensors.roles.has("mid")) {
      checkRank(up, up.shape[1]!, down, down.shape[0]!);
      return { scale, lowRank: checkProduct({ up, down }, module, down.key), ...bias };
    }
    const mid = await tensors.tensor("mid");
    checkRank(up, up.shape[1]!, mid, mid.shape[0]!);
    checkTucker(mid, down, module);
    return { scale, lowRank: checkProduct({ up, down: expandTucker(mid, down) }, module, down.key), ...bias };
  },
};
