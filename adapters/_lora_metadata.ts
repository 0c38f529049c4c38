/**
 * Rank and alpha as PEFT's configuration gives them, which diffusers writes to the header's `lora_adapter_metadata`:
 * `{"unet.r": 16, "unet.lora_alpha": 8, "unet.alpha_pattern": {"mid_block.…to_q": 4}, "text_encoder.r": …}`.
 */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { LoraTarget } from "./lora.ts";

/** What the metadata say of one network's layers. */
export interface AdapterSettings {
  /** The alpha of a module; `undefined` where none is given. */
  alpha(module: string): number | undefined;
  /** Whether the scale is alpha / √rank (Kalajdzievski 2023, "rsLoRA") in place of alpha / rank. */
  readonly rankStabilised: boolean;
}

/**
 * Reads the settings of both networks.
 *
 * @throws {WeightsError} If the entry is not JSON.
 * @throws {UnsupportedModelError} If it asks for DoRA.
 */
export function readAdapterSettings(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<LoraTarget, AdapterSettings>> {
  const all = parse(metadata.lora_adapter_metadata ?? "{}");
  return { unet: settings(all, "unet"), textEncoder: settings(all, "text_encoder") };
}

function settings(all: Json, prefix: string): AdapterSettings {
  const field = (name: string) => all[`${prefix}.${name}`] ?? all[name];
  if (field("use_dora") === true) {
    throw new UnsupportedModelError("Cannot load LoRA: its metadata say DoRA, expected LoRA, LoCon or LoHa.");
  }
  const common = asNumber(field("lora_alpha"));
  const pattern = field("alpha_pattern");
  const patterns = isRecord(pattern) ? Object.entries(pattern) : [];
  return {
    alpha(module) {
      // A pattern is the end of a module's path.
      const own = patterns.find(([end]) => module === end || module.endsWith(`.${end}`));
      return own === undefined ? common : asNumber(own[1]);
    },
    rankStabilised: field("use_rslora") === true,
  };
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (cause) {
    throw new WeightsError("Cannot load LoRA: lora_adapter_metadata in its header is not JSON.", { cause });
  }
  throw new WeightsError("Cannot load LoRA: lora_adapter_metadata in its header is not a JSON object.");
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
