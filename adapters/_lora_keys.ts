/** What a key of a LoRA file stands for: whose tensor it is, and which one. */
import { UnsupportedModelError } from "../core/errors.ts";
import type { WeightAdapter } from "./weight_adapter.ts";

/** A key taken apart. */
export interface ParsedKey {
  /** The file's spelling of the module. */
  readonly stem: string;
  /** A role of one of the kinds, `alpha` or `scalar`. */
  readonly role: string;
}

/** Factors on the change of a module, which all kinds share. */
const common: Readonly<Record<string, RegExp>> = { alpha: /\.alpha$/, scalar: /\.scalar$/ };

/**
 * Takes a key apart; `undefined` where it is no tensor of an adapter.
 *
 * @throws {UnsupportedModelError} If it belongs to an adapter of a kind that is not read.
 */
export function parseKey(key: string, kinds: readonly WeightAdapter[]): ParsedKey | undefined {
  for (const roles of [...kinds.map(({ roles }) => roles), common]) {
    for (const [role, end] of Object.entries(roles)) {
      const match = end.exec(key);
      if (match !== null) return { stem: key.slice(0, match.index), role };
    }
  }
  for (const [kind, pattern] of otherKinds) {
    if (!pattern.test(key)) continue;
    const known = kinds.map((one) => one.kind).join(", ");
    throw new UnsupportedModelError(
      `Cannot load LoRA: key "${key}" belongs to an adapter of the kind ${kind}, expected ${known}.`,
    );
  }
  return undefined;
}

const otherKinds: readonly (readonly [string, RegExp])[] = [
  ["OFT", /\.b?oft_\w+(\.weight)?$/],
  ["(IA)³", /\.on_input$/],
  ["GLoRA", /\.[ab][12]\.weight$/],
  ["VeRA", /\.vera_\w+(\.[^.]+)*$/],
  ["weights in place of the model's", /\.set_weight$/],
  ["modules saved whole by PEFT", /\.modules_to_save\./],
];
