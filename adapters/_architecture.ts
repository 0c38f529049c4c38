/**
 * Tells a LoRA that was made for another family of models by the width of the text that its cross-attention takes,
 * before hundreds of its keys are found to fit nothing.
 */
import { WeightsError } from "../core/errors.ts";
import { sizeOf } from "../core/tensor.ts";
import type { Weights } from "../weights/weights.ts";
import type { LoraModules } from "./lora_modules.ts";

/** Refuses a LoRA whose text width is not the model's, or that is for a transformer. */
export function checkArchitecture(
  file: Weights,
  groups: ReadonlyMap<string, ReadonlyMap<string, string>>,
  { unet }: LoraModules,
): void {
  const width = textWidth(unet ?? new Map());
  for (const [stem, keys] of groups) {
    if (/^(lora_)?transformer[._](?!text_model)/.test(stem)) {
      throw new WeightsError(
        `Cannot load LoRA: key "${[...keys.values()][0]}" is for a transformer, expected a UNet.`,
      );
    }
    const key = keys.get("down") ?? keys.get("w1b");
    if (width === undefined || key === undefined || !takesText.test(stem)) continue;
    const own = sizeOf(file.info(key)!.shape.slice(1));
    if (own === width || own === 0) continue;
    throw new WeightsError(
      `Cannot load LoRA: key "${key}" was made for a text width of ${described(own)}, expected ${
        described(width)
      }.`,
    );
  }
}

const takesText = /attn2[._](processor\.)?to_(k|v|kv)(_lora)?$/;

function textWidth(unet: ReadonlyMap<string, readonly number[]>): number | undefined {
  for (const [module, shape] of unet) {
    if (takesText.test(module)) return shape[1];
  }
  return undefined;
}

function described(width: number): string {
  const family = families[width];
  return family === undefined ? `${width}` : `${width} (${family})`;
}

const families: Readonly<Record<number, string>> = {
  768: "Stable Diffusion 1.x",
  1024: "Stable Diffusion 2.x",
  1280: "SDXL refiner",
  2048: "SDXL",
};
