/**
 * Full differences: what ComfyUI and LyCORIS keep of modules that are too small for factors.
 *
 * @module
 */
import { WeightsError } from "../../core/errors.ts";
import { sizeOf } from "../../core/tensor.ts";
import type { AdaptedModule, AdapterTensor, WeightAdapter } from "../weight_adapter.ts";

/** ΔW and Δb as they are; LyCORIS calls those of normalisations `w_norm` and `b_norm`. */
export const full: WeightAdapter = {
  kind: "full difference",
  roles: { diff: /\.(?:diff|w_norm)$/, diffBias: /\.(?:diff_b|b_norm)$/ },
  recognises: (roles) => roles.has("diff") || roles.has("diffBias"),
  async read(tensors, module) {
    const weight = tensors.roles.has("diff") ? await tensors.tensor("diff") : undefined;
    const bias = tensors.roles.has("diffBias") ? await tensors.tensor("diffBias") : undefined;
    if (weight !== undefined) checkSize(weight, module.shape, module);
    if (bias !== undefined) checkSize(bias, module.shape.slice(0, 1), module);
    return {
      scale: 1,
      ...weight !== undefined && { delta: () => weight.data },
      ...bias !== undefined && { bias: bias.data },
    };
  },
};

function checkSize(
  { data, shape, key }: AdapterTensor,
  wanted: readonly number[],
  { module }: AdaptedModule,
): void {
  if (data.length === sizeOf(wanted) && (shape[0] ?? 1) === wanted[0]) return;
  throw new WeightsError(
    `Cannot load LoRA: key "${key}" has shape [${shape}], expected [${wanted}] as "${module}": it was made for another ` +
      `architecture.`,
  );
}
