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
  /** The rank of a module; `undefined` where none is given. */
  rank(module: string): number | undefined;
  /** Whether the scale is alpha / √rank (Kalajdzievski 2023, "rsLoRA") in place of alpha / rank. */
  readonly rankStabilised: boolean;
}

/**
 * Reads the settings of all networks.
 *
 * @throws {WeightsError} If the entry is not JSON.
 * @throws {UnsupportedModelError} If a setting changes what the factors mean in a way that is not known here.
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
  refuseOthers(field);
  /** A number for all modules, and those of modules whose path ends so. */
  const numbers = (common: unknown, pattern: unknown) => {
    const ends = patterns(pattern);
    return (module: string) => {
      const own = ends.find(([end]) => end.test(module));
      return asNumber(own === undefined ? common : own[1]);
    };
  };
  return {
    // PEFT's LoHa and LoKr say `alpha`, its LoRA `lora_alpha`.
    alpha: numbers(field("lora_alpha") ?? field("alpha"), field("alpha_pattern")),
    rank: numbers(field("r"), field("rank_pattern")),
    rankStabilised: field("use_rslora") === true,
  };
}

/** More than this of `*` and `+` may take long over a path. */
const mostRepetitions = 2;

/** PEFT's keys of `rank_pattern` and `alpha_pattern` are ends of a module's path, in its regular expressions. */
function patterns(pattern: unknown): (readonly [RegExp, unknown])[] {
  return Object.entries(isRecord(pattern) ? pattern : {}).map(([end, value]) => {
    const isSimple = /^\^?[\w.\\*+|()[\]-]*\$?$/.test(end) && !/[)\]][*+]/.test(end) &&
      (end.match(/[*+]/g) ?? []).length <= mostRepetitions;
    try {
      if (isSimple) return [new RegExp(`^(?:.*\\.)?(?:${end})$`), value];
    } catch { /* said below */ }
    throw new UnsupportedModelError(
      `Cannot load LoRA: its configuration has the pattern ${
        JSON.stringify(end)
      }, expected ends of modules' names, or ` +
        `an expression of few repetitions and none of a group.`,
    );
  });
}

/** Settings whose other values make other weights of the same factors. */
function refuseOthers(field: (name: string) => unknown): void {
  const said = field("init_lora_weights");
  const changesModel = typeof said === "string" && /^(?:pissa|olora|corda|loftq|lora_ga|dude)/i.test(said);
  const refused: readonly (readonly [string, boolean])[] = [
    ["init_lora_weights", changesModel], // the factors are for what is left of a weight without its first ones
    ["fan_in_fan_out", field("fan_in_fan_out") === true],
    ["modules_to_save", lists(field("modules_to_save"))],
    ["use_qalora", field("use_qalora") === true],
    ["trainable_token_indices", (field("trainable_token_indices") ?? null) !== null],
    ["layer_replication", lists(field("layer_replication"))],
    ["alora_invocation_tokens", lists(field("alora_invocation_tokens"))],
  ];
  const [name] = refused.find(([, isRefused]) => isRefused) ?? [];
  if (name === undefined) return;
  throw new UnsupportedModelError(
    `Cannot load LoRA: its configuration says ${name}: ${
      JSON.stringify(field(name))
    }, which is not done here; expected an ` +
      `adapter without it.`,
  );
}

function lists(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
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
