/** Prompts in A1111's syntax: networks in angle brackets, `AND`, words that change with the step; then weights. */
import type { Encoded, EncodeRequest, Pass } from "../core/parts.ts";
import { extraNetworks, type PromptPart, promptParts } from "../tokenizer/prompt_parts.ts";
import { promptSteps } from "../tokenizer/prompt_schedule.ts";
import { checkPasses, type EncodeTexts, passesOf } from "./_pass_texts.ts";

/** Name of the pass of the n-th of several prompts that steer together. */
const passOf = (part: number) => part === 0 ? "conditional" : `conditional ${part + 1}`;

/**
 * Encodes what all rows of all passes say, at each step that says something new.
 *
 * @param encode Encodes texts with weights, all equally long.
 * @throws {RangeError} If a pass is neither conditional nor unconditional, or prompts are joined by `AND` where there
 * is no unconditional pass.
 */
export async function encodeWeighted(request: EncodeRequest, encode: EncodeTexts): Promise<Encoded> {
  const { prompts, negativePrompts = prompts.map(() => ""), passes, steps = 1 } = request;
  checkPasses(passes);
  const positive = withoutNetworks(prompts, request.onWarning).map(promptParts);
  const negative = withoutNetworks(negativePrompts, request.onWarning);
  const count = Math.max(...positive.map(({ length }) => length));
  const isWeighted = positive.flat().some(({ weight }) => weight !== 1);
  if ((count > 1 || isWeighted) && !passes.includes("unconditional")) {
    throw new RangeError(
      'Cannot combine prompts with AND without guidance: expected a guidance scale above 1, or prompts without "AND".',
    );
  }
  // A row with fewer prompts than others has empty ones that do not count.
  const part = (row: readonly PromptPart[], i: number): PromptPart => row[i] ?? { text: "", weight: 0 };
  const further = Array.from({ length: count - 1 }, (_, i) => passOf(i + 1));
  const names = [...passes, ...further];
  const textsOf = (name: string) =>
    name === "unconditional"
      ? negative
      : positive.map((row) => part(row, name === passOf(0) ? 0 : 1 + further.indexOf(name)).text);
  const timeline = names.flatMap((pass) =>
    textsOf(pass).map((text, row) => ({ pass, row, steps: promptSteps(text, Math.max(steps, 1)) }))
  );

  const known = new Map<string, readonly Pass[]>();
  const list: (readonly Pass[])[] = [];
  for (let step = 0; step < Math.max(steps, 1); step++) {
    const texts = timeline.map(({ pass, row, steps }) => ({ pass, row, text: steps[step]! }));
    const key = JSON.stringify(texts);
    const made = known.get(key) ?? passesOf(names, prompts.length, await encode(texts));
    known.set(key, made);
    list.push(made);
  }
  return {
    passes: list[0]!,
    ...known.size > 1 && { at: (index: number) => list[Math.min(index, list.length - 1)]! },
    ...count > 1 && {
      sums: [{
        pass: passOf(0),
        base: "unconditional",
        terms: Array.from({ length: count }, (_, i) => ({
          pass: passOf(i),
          weights: positive.map((row) => part(row, i).weight),
        })),
      }],
    },
  };
}

/** Networks are set for a whole pipeline, not by a prompt: they are told, and do not become words. */
function withoutNetworks(prompts: readonly string[], onWarning: EncodeRequest["onWarning"]): string[] {
  const told = new Set<string>();
  return prompts.map((prompt) => {
    const { prompt: rest, networks } = extraNetworks(prompt);
    for (const { kind, spelling } of networks) {
      if (told.has(spelling)) continue;
      told.add(spelling);
      onWarning?.(
        kind === "lora"
          ? `The prompt's ${spelling} is not used: set LoRAs for the pipeline (--lora, or --lora-folder, on the command line).`
          : `The prompt's ${spelling} is not used: hypernetworks are not supported.`,
      );
    }
    return rest;
  });
}
