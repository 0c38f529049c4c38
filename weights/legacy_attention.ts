/**
 * Attention layers under the names that diffusers gave them before 2023, as many published VAEs still have
 * them.
 *
 * @module
 */
import { renameWeights, type TensorSource } from "./rename.ts";
import type { Weights } from "./weights.ts";

const currentNames: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
};

/**
 * A view of weights in which `query`, `key`, `value` and `proj_attn` of attention layers are `to_q`, `to_k`,
 * `to_v` and `to_out.0`, seen as matrices; all else is as it was. Disposing the view disposes `weights`.
 *
 * @example
 * ```ts
 * import { currentAttentionNames, memoryWeights } from "@mobile-diffusion/sdk/weights";
 *
 * const old = memoryWeights({
 *   "mid_block.attentions.0.query.bias": { dtype: "F32", shape: [4], data: new Float32Array(4) },
 * });
 * console.log([...currentAttentionNames(old).names()]); // [ "mid_block.attentions.0.to_q.bias" ]
 * ```
 */
export function currentAttentionNames(weights: Weights): Weights {
  const map = new Map<string, TensorSource>();
  for (const name of weights.names()) {
    const [, path, layer, leaf] = name.match(/^(.*\.attentions\.\d+)\.(\w+)\.(weight|bias)$/) ?? [];
    const current = currentNames[layer ?? ""];
    if (current === undefined) map.set(name, { name });
    else map.set(`${path}.${current}.${leaf}`, { name, as: "matrix" });
  }
  return renameWeights(weights, map);
}
