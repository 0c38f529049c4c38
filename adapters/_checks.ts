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

/** The change of a bias, if it has the size of the module's. */
export function checkBias({ data, key, shape }: AdapterTensor, module: AdaptedModule): Float32Array {
  if (data.length === module.shape[0]) return data;
  throw new WeightsError(
    `Cannot load LoRA: key "${key}" has shape [${shape}], expected [${
      module.shape[0]
    }] as the bias of "${module.module}".`,
  );
}

/** What a window over a matrix may be written out to, where the module's own weight is smaller: 2 MB of float32. */
const mostExpanded = 1 << 19;

/**
 * Refuses a window `core` `[p, q, k, k]` over a matrix `inner` `[q, n]` that do not make up the module's weight, or would
 * be larger than it when they are written out: before anything is multiplied.
 */
export function checkTucker(
  core: AdapterTensor,
  inner: AdapterTensor,
  { shape, module }: AdaptedModule,
): void {
  const [p = 0, q = 0, ...window] = core.shape;
  checkRank(core, q, inner, inner.shape[0]!);
  const columns = inner.shape[1]! * sizeOf(window);
  if (columns === sizeOf(shape.slice(1)) && p * columns <= Math.max(sizeOf(shape), mostExpanded)) return;
  throw new WeightsError(
    `Cannot load LoRA: key "${core.key}" has shape [${core.shape}] over "${inner.key}" [${inner.shape}], which does not ` +
      `fit the weight of "${module}", [${shape}].`,
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
