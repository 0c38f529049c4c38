/**
 * Prompts that change on the way, in the syntax of AUTOMATIC1111's web UI.
 *
 * @module
 */

/** A bracket that is open while a prompt is read. */
interface Frame {
  /** `"["` or `"("`; the prompt itself is none. */
  readonly bracket: string;
  /** What stands between its separators, as it is at this step. */
  readonly parts: string[];
  /** `":"` and `"|"`, in order; of round brackets none are told. */
  readonly separators: string[];
  /** Whether the last part is nothing but characters of the prompt. */
  plain: boolean;
}

/** A place in a schedule: a step, or with a point a share of the steps. */
const when = /^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*$/;

/**
 * A prompt as it is at a step: `[from:to:when]` is `from` up to step `when` and `to` after it, `[to:when]` is nothing at
 * first, `[a|b|c]` takes turns. `when` counts steps, or is a share of them where it has a point. Brackets nest; what
 * is none of these stays as it is, weights included.
 *
 * Source: the conventions of AUTOMATIC1111's `prompt_parser`, as its documentation states them.
 *
 * @param step From 1 to `steps`.
 *
 * @example
 * ```ts
 * import { promptAt } from "@mobile-diffusion/sdk/tokenizer";
 *
 * promptAt("a [red:blue:0.5] house", 5, 10); // "a red house"
 * promptAt("a [red:blue:0.5] house", 6, 10); // "a blue house"
 * promptAt("a [cow|horse]", 2, 10); // "a horse"
 * ```
 */
export function promptAt(prompt: string, step: number, steps: number): string {
  const paired = pairedBrackets(prompt);
  const stack: Frame[] = [frame("")];
  const add = (text: string, plain: boolean) => {
    const top = stack.at(-1)!;
    top.parts[top.parts.length - 1] += text;
    top.plain &&= plain;
  };
  for (let i = 0; i < prompt.length; i++) {
    const character = prompt[i]!;
    const top = stack.at(-1)!;
    if (character === "\\" && i + 1 < prompt.length) add(character + prompt[++i]!, true);
    else if (paired.has(i) && (character === "[" || character === "(")) stack.push(frame(character));
    else if (paired.has(i)) {
      stack.pop();
      const text = closed(top, step, steps);
      add(text, false);
    } else if (top.bracket === "[" && (character === ":" || character === "|")) {
      top.separators.push(character);
      top.parts.push("");
      top.plain = true;
    } else add(character, true);
  }
  return stack[0]!.parts[0]!;
}

/**
 * The texts of a prompt at steps 1 to `steps`; where it does not change, all are the prompt.
 */
export function promptSteps(prompt: string, steps: number): readonly string[] {
  const may = prompt.includes("[") && /[:|]/.test(prompt) && prompt.includes("]");
  return Array.from({ length: steps }, (_, i) => may ? promptAt(prompt, i + 1, steps) : prompt);
}

function frame(bracket: string): Frame {
  return { bracket, parts: [""], separators: [], plain: true };
}

/** What a bracket stands for at a step. */
function closed({ bracket, parts, separators, plain }: Frame, step: number, steps: number): string {
  if (bracket === "(") return `(${parts[0]})`;
  if (separators.length > 0 && separators.every((separator) => separator === "|")) {
    return parts[(step - 1) % parts.length]!;
  }
  const [, number] = plain && separators.every((one) => one === ":") ? parts.at(-1)!.match(when) ?? [] : [];
  if (number === undefined || separators.length < 1 || separators.length > 2) {
    return `[${parts.map((part, i) => (separators[i - 1] ?? "") + part).join("")}]`;
  }
  const last = Math.min(Math.trunc(number.includes(".") ? Number(number) * steps : Number(number)), steps);
  const [before, after] = parts.length === 3 ? [parts[0]!, parts[1]!] : ["", parts[0]!];
  return step <= last ? before : after;
}

/** Indices of brackets that have a partner; one that is closed by the other kind has none, nor has any around it. */
function pairedBrackets(prompt: string): ReadonlySet<number> {
  const deepest = 1000;
  const paired = new Set<number>();
  const open: number[] = [];
  for (let i = 0; i < prompt.length; i++) {
    const character = prompt[i]!;
    if (character === "\\") i++;
    else if (character === "[" || character === "(") open.push(i);
    else if (character === "]" || character === ")") {
      const start = open.pop();
      if (start === undefined) continue;
      if (prompt[start] !== (character === "]" ? "[" : "(")) open.length = 0;
      else if (open.length < deepest) paired.add(start).add(i);
    }
  }
  return paired;
}
