/**
 * LoRA merged into the weights of a model: nothing is left to do when the network runs.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { toFloat16 } from "../weights/convert.ts";
import { type ComputedTensor, overrideWeights } from "../weights/override.ts";
import { readFloat32 } from "../weights/read_float.ts";
import type { Weights } from "../weights/weights.ts";
import { activeLayers } from "./_active_layers.ts";
import type { ActiveLora, LoraTarget } from "./lora.ts";
import { addChanges } from "./_matrices.ts";

/**
 * A view of a network's weights with LoRAs merged: W + Σ scale · ΔW, computed when a tensor is read, so that there
 * is never a second copy of the model. Changed tensors are float32, or float16 where the model has codes of few bits
 * (they are no longer encoded); all others keep their type and their place on disk. Disposing the view disposes
 * `weights`.
 *
 * @param target Which network these weights are of.
 * @throws {WeightsError} If a LoRA changes a weight that is not there.
 * @throws {RangeError} If a scale is not a finite number.
 *
 * @example
 * ```ts ignore
 * const merged = mergeLora(weights, "unet", [{ lora: style, scale: 0.8 }, { lora: detail, scale: 0.3 }]);
 * const runner = await backend.load({ kind: "graph", graph, weights: merged });
 * ```
 */
export function mergeLora(weights: Weights, target: LoraTarget, loras: readonly ActiveLora[]): Weights {
  const computed = new Map<string, ComputedTensor>();
  const change = (key: string, add: (values: Float32Array) => void) => {
    const info = weights.info(key);
    if (info === undefined) {
      throw new WeightsError(`Cannot merge LoRA: it changes "${key}", but the model has no such weight.`);
    }
    const narrow = info.encoding !== undefined;
    computed.set(key, {
      dtype: narrow ? "F16" : "F32",
      shape: info.shape,
      async read() {
        const values = await readFloat32(weights, key);
        add(values);
        if (!values.every(Number.isFinite)) {
          throw new WeightsError(
            `Cannot merge LoRA: "${key}" would hold NaN or infinity, expected finite numbers. Use a smaller scale.`,
          );
        }
        const { buffer, byteOffset, byteLength } = narrow ? toFloat16(values) : values;
        return new Uint8Array(buffer, byteOffset, byteLength);
      },
    });
  };
  for (const [module, layers] of activeLayers(loras, target)) {
    const weighted = layers.filter(({ lowRank, delta }) => lowRank !== undefined || delta !== undefined);
    const biased = layers.filter(({ bias }) => bias !== undefined);
    if (weighted.length > 0) change(`${module}.weight`, (weight) => addChanges(weight, weighted));
    if (biased.length > 0) {
      change(`${module}.bias`, (values) => {
        for (const { bias, scale } of biased) bias!.forEach((value, i) => values[i]! += scale * value);
      });
    }
  }
  return overrideWeights(weights, computed);
}
