/**
 * Prompts that are joined by `AND`, and words in angle brackets that are no words, in the syntax of AUTOMATIC1111's web
 * UI.
 *
 * @module
 */

/** One of several prompts that steer a picture together. */
export interface PromptPart {
  /** The prompt. */
  readonly text: string;
  /** How much it counts. */
  readonly weight: number;
}

/**
 * The prompts that a prompt joins: `a cat AND a dog :0.5` are two, the second of which counts half. One that joins none
 * is itself, of weight 1.
 *
 * Source: Liu et al. 2022, "Compositional Visual Generation with Composable Diffusion Models", as AUTOMATIC1111's web UI
 * spells it.
 *
 * @example
 * ```ts
 * import { promptParts } from "@mobile-diffusion/sdk/tokenizer";
 *
 * promptParts("a cat :1.2 AND a dog"); // [{ text: "a cat", weight: 1.2 }, { text: "a dog", weight: 1 }]
 * ```
 */
export function promptParts(prompt: string): readonly PromptPart[] {
  const pieces = prompt.split(/\bAND\b/);
  if (pieces.length === 1) return [{ text: prompt, weight: 1 }];
  return pieces.map((piece) => {
    const colon = piece.lastIndexOf(":");
    const [, weight] = colon < 0
      ? []
      : piece.slice(colon + 1).trim().match(/^([+-]?(?:\d+(?:\.\d*)?|\.\d+))$/) ?? [];
    return weight === undefined
      ? { text: piece.trim(), weight: 1 }
      : { text: piece.slice(0, colon).trim(), weight: Number(weight) };
  });
}

/** Something in angle brackets: a network that is to be used. */
export interface ExtraNetwork {
  /** `"lora"` (also for `<lyco:…>`) or `"hypernet"`. */
  readonly kind: "lora" | "hypernet";
  /** Its name, a file's without its end. */
  readonly name: string;
  /** How much of it. */
  readonly scale: { readonly unet: number; readonly textEncoder: number };
  /** How the prompt spells it. */
  readonly spelling: string;
}

/**
 * Takes the networks out of a prompt: `<lora:name>`, `<lora:name:0.8>`, `<lora:name:0.8:0.5>` (text encoder, then UNet),
 * `<lora:name:te=0.8:unet=0.5>`, and `<hypernet:name:1>`.
 *
 * @example
 * ```ts
 * import { extraNetworks } from "@mobile-diffusion/sdk/tokenizer";
 *
 * const { prompt, networks } = extraNetworks("a house <lora:style:0.8>");
 * // prompt: "a house "; networks: [{ kind: "lora", name: "style", scale: { unet: 0.8, textEncoder: 0.8 }, … }]
 * ```
 * @throws {RangeError} If a scale is no number.
 */
export function extraNetworks(
  prompt: string,
): { readonly prompt: string; readonly networks: readonly ExtraNetwork[] } {
  const networks: ExtraNetwork[] = [];
  const text = prompt.replaceAll(
    /<(lora|lyco|hypernet):([^<>:]+)((?::[^<>:]*)*)>/g,
    (spelling, kind, name, rest) => {
      networks.push({
        kind: kind === "hypernet" ? kind : "lora",
        name,
        scale: scaleOf(rest, spelling),
        spelling,
      });
      return "";
    },
  );
  return { prompt: text, networks };
}

function scaleOf(rest: string, spelling: string): ExtraNetwork["scale"] {
  const named: Record<string, number> = {};
  const placed: number[] = [];
  for (const argument of rest.split(":").slice(1)) {
    const [, name, value] = argument.trim().match(/^(?:(\w+)\s*=)?(.*)$/s) ?? [];
    const scale = Number(value); // which leaves out white space
    if (name !== undefined && name !== "te" && name !== "unet") continue; // `dyn=`: a rank for networks that vary it
    if (value!.trim() === "" || !Number.isFinite(scale)) {
      throw new RangeError(
        `Cannot use ${JSON.stringify(spelling)} in the prompt: expected numbers as its scales.`,
      );
    }
    if (name === undefined) placed.push(scale);
    else named[name] = scale;
  }
  const textEncoder = named["te"] ?? placed[0] ?? 1;
  return { textEncoder, unet: named["unet"] ?? placed[1] ?? textEncoder };
}
