/**
 * LoHa: Hyeon-Woo et al. 2021, "FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning",
 * proposition 1.
 *
 * @module
 */
import { checkProduct, checkRank, checkTucker } from "../_checks.ts";
import { expandTucker, productOf, transposed } from "../_matrices.ts";
import type { AdaptedModule, AdapterTensors, LowRankProduct, WeightAdapter } from "../weight_adapter.ts";

/** ΔW = (w1a · w1b) ⊙ (w2a · w2b), each half perhaps with a window `t` for a convolution. */
export const loha: WeightAdapter = {
  kind: "LoHa",
  roles: {
    w1a: /\.hada_w1_a$/,
    w1b: /\.hada_w1_b$/,
    w2a: /\.hada_w2_a$/,
    w2b: /\.hada_w2_b$/,
    t1: /\.hada_t1$/,
    t2: /\.hada_t2$/,
  },
  recognises: (roles) => ["w1a", "w1b", "w2a", "w2b", "t1", "t2"].some((role) => roles.has(role)),
  async read(tensors, module) {
    const [first, second] = [await half(tensors, module, 1), await half(tensors, module, 2)];
    const { shape: [rank] } = await tensors.matrix("w1b");
    return {
      scale: await tensors.scale(rank!),
      delta() {
        const [one, other] = [productOf(first), productOf(second)];
        return one.map((value, i) => value * other[i]!);
      },
    };
  },
};

/** With a core `t` the factor `a` lies transposed. */
async function half(tensors: AdapterTensors, module: AdaptedModule, index: 1 | 2): Promise<LowRankProduct> {
  const [a, b] = [await tensors.matrix(`w${index}a`), await tensors.matrix(`w${index}b`)];
  if (!tensors.roles.has(`t${index}`)) {
    checkRank(a, a.shape[1]!, b, b.shape[0]!);
    return checkProduct({ up: a, down: b }, module, a.key);
  }
  const core = await tensors.tensor(`t${index}`);
  checkRank(a, a.shape[0]!, core, core.shape[0]!);
  checkTucker(core, b, module);
  return checkProduct({ up: transposed(a), down: expandTucker(core, b) }, module, a.key);
}
