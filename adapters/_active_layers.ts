/** What LoRAs in use come to, module by module. */
import type { ActiveLora, LoraLayer, LoraTarget } from "./lora.ts";

/** A layer in use, with its scale folded in. */
export interface ActiveLayer extends LoraLayer {
  /** alpha / rank times the user's scale, never 0. */
  readonly scale: number;
}

/**
 * The layers that change one network, by module. Those of scale 0 are left out, so that such a LoRA leaves no trace,
 * not even in the last bit.
 *
 * @throws {RangeError} If a scale is not a finite number.
 */
export function activeLayers(loras: readonly ActiveLora[], target: LoraTarget): Map<string, ActiveLayer[]> {
  const active = new Map<string, ActiveLayer[]>();
  for (const { lora, scale = 1 } of loras) {
    const user = typeof scale === "number" ? scale : scale[target] ?? scale.textEncoder;
    if (!Number.isFinite(user)) {
      throw new RangeError(`Cannot use LoRA: its scale is ${user}, expected a finite number.`);
    }
    if (user === 0) continue;
    for (const layer of lora.layers) {
      if (layer.target !== target) continue;
      const layers = active.get(layer.module) ?? [];
      layers.push({ ...layer, scale: layer.scale * user });
      active.set(layer.module, layers);
    }
  }
  return active;
}
