/**
 * Attention weights in a prompt, in the syntax of AUTOMATIC1111's web UI.
 *
 * @module
 */

/** A piece of a prompt and how much it counts. */
export interface PromptFragment {
  /** The words, as the tokenizer takes them. */
  readonly text: string;
  /** Factor on their embeddings; 1 is neutral, and negative values are allowed. */
  readonly weight: number;
}

/** `(word)` multiplies by this, `[word]` divides. */
const emphasis = 1.1;

/** Brackets inside each other: each closing one weighs all that it holds again. */
const deepest = 100;
const mostWeight = 1000;

/**
 * A lexeme: an escape, `:1.2)`, a bracket, or text. None of the alternatives can backtrack over a long run.
 */
const lexemes =
  /\\(?<escaped>[()[\]\\]?)|:\s*(?<weight>[+-]?(?:\d+(\.\d*)?|\.\d+))\s*\)|(?<bracket>[()[\]])|[^\\()[\]:]+|:/g;

/**
 * Splits a prompt into sections, which `BREAK` separates, of weighted fragments.
 *
 * `(word)` counts 1.1 times, `[word]` 1/1.1 times, `(word:1.3)` 1.3 times; brackets nest and multiply. `\(`
 * is a bracket of the text. An opening bracket that is never closed reaches to the end; a closing one that
 * was never opened is text. So every string is a prompt whose brackets do not nest beyond a hundred.
 *
 * Source: the conventions of AUTOMATIC1111's `prompt_parser`, as its documentation states them.
 *
 * @example
 * ```ts
 * import { parsePromptWeights } from "@mobile-diffusion/sdk/tokenizer";
 *
 * parsePromptWeights("a (red:1.5) house BREAK [fog]");
 * // [[{ text: "a ", weight: 1 }, { text: "red", weight: 1.5 }, { text: " house", weight: 1 }],
 * //  [{ text: " ", weight: 1 }, { text: "fog", weight: 0.909… }]]
 * ```
 * @throws {RangeError} If a weight is beyond −1000 … 1000, or more than a hundred brackets are open.
 */
export function parsePromptWeights(prompt: string): PromptFragment[][] {
  const sections: { text: string; weight: number }[][] = [[]];
  /** Where the content of each bracket that is still open begins. */
  const open: Record<string, { section: number; fragment: number }[]> = { "(": [], "[": [] };
  const [round, square] = [open["("]!, open["["]!];

  const push = (text: string) => sections.at(-1)!.push({ text, weight: 1 });
  const multiply = (factor: number, from: { section: number; fragment: number }) => {
    for (let section = from.section; section < sections.length; section++) {
      const fragments = sections[section]!;
      for (let i = section === from.section ? from.fragment : 0; i < fragments.length; i++) {
        fragments[i]!.weight *= factor;
      }
    }
  };

  for (const { 0: lexeme, groups = {} } of prompt.matchAll(lexemes)) {
    const { escaped, weight, bracket } = groups;
    if (escaped !== undefined) push(escaped);
    else if (bracket === "(" || bracket === "[") {
      if (round.length + square.length === deepest) {
        throw new RangeError(
          `Cannot weigh the prompt: more than ${deepest} brackets are open, expected fewer, or "\\${bracket}" for the text.`,
        );
      }
      open[bracket]!.push({ section: sections.length - 1, fragment: sections.at(-1)!.length });
    } else if (weight !== undefined && round.length > 0) multiply(Number(weight), round.pop()!);
    else if (bracket === ")" && round.length > 0) multiply(emphasis, round.pop()!);
    else if (bracket === "]" && square.length > 0) multiply(1 / emphasis, square.pop()!);
    else {
      const [first, ...others] = lexeme.split(/\bBREAK\b/);
      push(first!);
      for (const text of others) sections.push([{ text, weight: 1 }]);
    }
  }
  for (const from of round) multiply(emphasis, from);
  for (const from of square) multiply(1 / emphasis, from);
  return sections.map(joined);
}

/** Neighbours of one weight become one fragment, so that words are not cut where an escape stood. */
function joined(fragments: readonly PromptFragment[]): PromptFragment[] {
  const result: { text: string; weight: number }[] = [];
  for (const { text, weight } of fragments) {
    const last = result.at(-1);
    if (text === "") continue;
    if (!(Math.abs(weight) <= mostWeight)) {
      throw new RangeError(
        `Cannot weigh the prompt: "${
          text.slice(0, 40)
        }" counts ${weight} times, expected a number from -${mostWeight} to ${mostWeight}.`,
      );
    }
    if (last?.weight === weight) last.text += text;
    else result.push({ text, weight });
  }
  return result;
}
