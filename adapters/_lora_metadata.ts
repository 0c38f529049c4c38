/**
 * Rank and alpha as PEFT's configuration gives them, which diffusers writes to the header's `lora_adapter_metadata`:
 * `{"unet.r": 16, "unet.lora_alpha": 8, "unet.alpha_pattern": {"mid_block.…to_q": 4}, "text_encoder.r": …}`.
 */
import { WeightsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { LoraTarget } from "./lora.ts";

/** What the metadata say of one network's layers. */
export interface AdapterSettings {
  /** The alpha of a module; `undefined` where none is given. */
  alpha(module: string): number | undefined;
  /** The rank of a module; `undefined` where none is given. */
  rank(module: string): number | undefined;
  /** Whether the scale is alpha / √rank (Kalajdzievski 2023, "rsLoRA") in place of alpha / rank. */
  readonly rankStabilised: boolean;
}

/**
 * Reads the settings of all networks.
 *
 * @throws {WeightsError} If the entry is not JSON.
 */
export function readAdapterSettings(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<LoraTarget, AdapterSettings>> {
  const all = parse(metadata.lora_adapter_metadata ?? "{}");
  return {
    unet: settings(all, "unet"),
    textEncoder: settings(all, "text_encoder"),
    textEncoder2: settings(all, "text_encoder_2"),
  };
}

function settings(all: Json, prefix: string): AdapterSettings {
  const field = (name: string) => all[`${prefix}.${name}`] ?? all[name];
  /** A number for all modules, and those of modules whose path ends so. */
  const numbers = (common: unknown, pattern: unknown) => (module: string) => {
    const own = Object.entries(isRecord(pattern) ? pattern : {})
      .find(([end]) => module === end || module.endsWith(`.${end}`));
    return asNumber(own === undefined ? common : own[1]);
  };
  return {
    // PEFT's LoHa and LoKr say `alpha`, its LoRA `lora_alpha`.
    alpha: numbers(field("lora_alpha") ?? field("alpha"), field("alpha_pattern")),
    rank: numbers(field("r"), field("rank_pattern")),
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
