/** What a key of a LoRA file stands for: whose factor it is, and which one. */
import { UnsupportedModelError } from "../core/errors.ts";

/** Which tensor of a layer: `down`, `up` and `mid` of a LoRA, `w1a` … `t2` of a LoHa, or the alpha of either. */
export type Role = "down" | "up" | "mid" | "w1a" | "w1b" | "w2a" | "w2b" | "t1" | "t2" | "alpha";

/** A key taken apart. */
export interface ParsedKey {
  /** The file's spelling of the module. */
  readonly stem: string;
  readonly role: Role;
}

/**
 * Takes a key apart; `undefined` where it is no tensor of an adapter.
 *
 * @throws {UnsupportedModelError} If it belongs to an adapter of another kind.
 */
export function parseKey(key: string): ParsedKey | undefined {
  for (const [kind, pattern] of otherKinds) {
    if (!pattern.test(key)) continue;
    throw new UnsupportedModelError(
      `Cannot load LoRA: key "${key}" belongs to an adapter of the kind ${kind}, expected LoRA, LoCon or LoHa.`,
    );
  }
  for (const [role, suffix] of roles) {
    const match = suffix.exec(key);
    if (match !== null) return { stem: key.slice(0, match.index), role };
  }
  return undefined;
}

const roles: readonly (readonly [Role, RegExp])[] = [
  [
    "down",
    /(\.lora_down|\.lora_A(\.[^.]+)?|\.lora\.down|\.lora_linear_layer\.down|(?<=_lora)\.down)\.weight$/,
  ],
  ["up", /(\.lora_up|\.lora_B(\.[^.]+)?|\.lora\.up|\.lora_linear_layer\.up|(?<=_lora)\.up)\.weight$/],
  ["mid", /\.lora_mid\.weight$/],
  ["alpha", /\.alpha$/],
  ["w1a", /\.hada_w1_a$/],
  ["w1b", /\.hada_w1_b$/],
  ["w2a", /\.hada_w2_a$/],
  ["w2b", /\.hada_w2_b$/],
  ["t1", /\.hada_t1$/],
  ["t2", /\.hada_t2$/],
];

const otherKinds: readonly (readonly [string, RegExp])[] = [
  ["DoRA", /\.(dora_scale|lora_magnitude_vector)(\.[^.]+)*$/],
  ["LoKr", /\.lokr_\w+$/],
  ["full difference (.diff)", /\.diff(_b)?$/],
  ["OFT", /\.b?oft_\w+(\.weight)?$/],
  ["(IA)³", /\.on_input$/],
  ["GLoRA", /\.[ab][12]\.weight$/],
  ["trained normalisation", /\.[wb]_norm$/],
  ["LoRA with biases", /\.lora_B(\.[^.]+)?\.bias$/],
  ["LyCORIS with a trained scalar", /\.scalar$/],
];
