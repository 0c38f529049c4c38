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

/** What only other methods call their tensors, those of LyCORIS and PEFT. */
const otherKinds: readonly (readonly [string, RegExp])[] = [
  ["OFT", /\.b?oft_\w+(?:\.[^.]+)*$/],
  ["(IA)³", /\.(?:on_input|ia3_l(?:\.[^.]+)*)$/],
  ["GLoRA", /\.[ab][12]\.weight$/],
  ["VeRA", /\.vera_\w+(?:\.[^.]+)*$/],
  ["AdaLoRA", /\.(?:lora_E|ranknum)(?:\.[^.]+)*$|\.lora_[AB](?:\.default)?$/],
  ["LoRA of a table of words", /\.lora_embedding_[AB](?:\.[^.]+)*$/],
  ["Bone or MiSS", /\.(?:bone|miss)_\w+(?:\.[^.]+)*$/],
  ["HRA", /\.hra_u(?:\.[^.]+)*$/],
  ["FourierFT", /\.fourierft_\w+(?:\.[^.]+)*$/],
  ["VB-LoRA", /\.vblora_\w+(?:\.[^.]+)*$/],
  ["RandLora", /\.randlora_\w+(?:\.[^.]+)*$/],
  ["C3A", /\.c3a_\w+(?:\.[^.]+)*$/],
  ["SHiRA", /\.shira_\w+(?:\.[^.]+)*$/],
  ["custom diffusion", /_custom_diffusion(?:\.[^.]+)*$/],
  ["weights of another shape", /\.reshape_weight$/],
  ["weights in place of the model's", /\.set_weight$/],
  ["modules saved whole by PEFT", /\.modules_to_save\./],
];

/**
 * Refuses a plain weight of one of the model's modules: PEFT's `modules_to_save` and biases, or a whole network.
 *
 * @throws {UnsupportedModelError} If the key is one.
 */
export function refuseWholeWeight(key: string, isModule: (stem: string) => boolean): void {
  const [, stem] = key.match(/^(.+)\.(?:weight|bias)$/) ?? [];
  if (stem === undefined || !isModule(stem)) return;
  throw new UnsupportedModelError(
    `Cannot load LoRA: key "${key}" is a weight in place of the model's own, as a whole network or PEFT's ` +
      "modules_to_save and biases, expected changes of weights alone.",
  );
}
