/** What all kinds of adapters check of their factors. */
import { WeightsError } from "../core/errors.ts";
import { sizeOf } from "../core/tensor.ts";
import type { AdaptedModule, AdapterTensor, LowRankProduct } from "./weight_adapter.ts";

/** Refuses factors whose inner sizes differ. */
export function checkRank(
  left: AdapterTensor,
  leftRank: number,
  right: AdapterTensor,
  rightRank: number,
): void {
  if (leftRank === rightRank) return;
  throw new WeightsError(
    `Cannot load LoRA: key "${left.key}" has rank ${leftRank}, but "${right.key}" has ${rightRank}, expected the same.`,
  );
}

/** The product itself, if it has the size of the module's weight. */
export function checkProduct(product: LowRankProduct, { shape }: AdaptedModule, key: string): LowRankProduct {
  const [outputs = 0, ...inputs] = shape;
  const { up, down } = product;
  if (up.shape[0] === outputs && down.shape[1] === sizeOf(inputs)) return product;
  throw new WeightsError(
    `Cannot load LoRA: key "${key}" changes a weight of ${up.shape[0]} × ${down.shape[1]}, ` +
      `the model's is ${outputs} × ${sizeOf(inputs)}: it was made for another architecture.`,
  );
}
