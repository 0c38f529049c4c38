/**
 * LoKr: Yeh et al. 2023, "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation",
 * after Edalati et al. 2022, "KronA".
 *
 * @module
 */
import { WeightsError } from "../../core/errors.ts";
import { sizeOf, type Tensor } from "../../core/tensor.ts";
import { checkRank } from "../_checks.ts";
import { expandTucker, productOf, transposed } from "../_matrices.ts";
import type { AdapterTensors, WeightAdapter } from "../weight_adapter.ts";

/** ΔW = w1 ⊗ w2; each factor is given whole, or as a product `a · b`, w2 perhaps with a window `t2`. */
export const lokr: WeightAdapter = {
  kind: "LoKr",
  roles: {
    k1: /\.lokr_w1$/,
    k1a: /\.lokr_w1_a$/,
    k1b: /\.lokr_w1_b$/,
    k2: /\.lokr_w2$/,
    k2a: /\.lokr_w2_a$/,
    k2b: /\.lokr_w2_b$/,
    kt2: /\.lokr_t2$/,
  },
  recognises: (roles) => ["k1", "k1a", "k1b", "k2", "k2a", "k2b", "kt2"].some((role) => roles.has(role)),
  async read(tensors, { shape, module }) {
    const [first, second] = [await factor(tensors, "k1"), await factor(tensors, "k2")];
    const [outputs = 0, inputs = 1, ...window] = shape;
    const k = sizeOf(window);
    const [[a, b], [c, dk]] = [first.shape, second.shape];
    if (a * c !== outputs || b * dk !== inputs * k || dk % k !== 0) { // so that no product is larger than the weight
      throw new WeightsError(
        `Cannot load LoRA: the factors at "${module}" are ${a} × ${b} and ${c} × ${dk}, expected ones whose sizes ` +
          `multiply to ${outputs} × ${inputs * k}.`,
      );
    }
    const [one, other] = [first.matrix(), second.matrix()];
    return {
      scale: await tensors.scale(first.rank ?? second.rank),
      delta: () => kronecker(one, other, k),
    };
  },
};

interface Factor {
  /** `[first dimension, all others]`. */
  readonly shape: readonly [number, number];
  /** Its elements, multiplied only now. */
  matrix(): Tensor;
  /** Absent of one that is whole. */
  readonly rank?: number;
}

async function factor(tensors: AdapterTensors, name: "k1" | "k2"): Promise<Factor> {
  if (!tensors.roles.has(`${name}a`) && !tensors.roles.has(`${name}b`)) {
    const whole = await tensors.matrix(name);
    return { shape: whole.shape as [number, number], matrix: () => whole };
  }
  const [a, b] = [await tensors.matrix(`${name}a`), await tensors.matrix(`${name}b`)];
  const [rank, columns] = b.shape as [number, number];
  const made = (up: Tensor, down: Tensor) => ({
    data: productOf({ up, down }),
    shape: [up.shape[0]!, down.shape[1]!],
  });
  if (name === "k1" || !tensors.roles.has("kt2")) {
    checkRank(a, a.shape[1]!, b, rank);
    return { shape: [a.shape[0]!, columns], matrix: () => made(a, b), rank };
  }
  const core = await tensors.tensor("kt2");
  checkRank(a, a.shape[0]!, core, core.shape[0]!);
  checkRank(core, core.shape[1]!, b, rank);
  const [inner = 0, , ...window] = core.shape;
  const expanded = columns * sizeOf(window);
  if (inner > rank + mostInner) {
    throw new WeightsError(
      `Cannot load LoRA: key "${core.key}" has shape [${core.shape}], expected a window of like ranks.`,
    );
  }
  return {
    shape: [a.shape[1]!, expanded],
    matrix: () => made(transposed(a), expandTucker(core, b)),
    rank,
  };
}

/** By how much the one rank of a window may be above the other: files have them equal. */
const mostInner = 128;

/** `[a, b] ⊗ [c, d·k]` = `[a·c, b·d·k]`: the window of k elements stays innermost. */
function kronecker(
  { data: first, shape: [a = 0, b = 0] }: Tensor,
  { data: second, shape: [c = 0, dk = 0] }: Tensor,
  k: number,
): Float32Array {
  const d = dk / k;
  const result = new Float32Array(a * b * c * dk);
  let at = 0;
  for (let i = 0; i < a; i++) {
    for (let p = 0; p < c; p++) {
      for (let j = 0; j < b; j++) {
        const scale = first[i * b + j]!;
        for (let q = 0; q < d * k; q++) result[at++] = scale * second[p * dk + q]!;
      }
    }
  }
  return result;
}
