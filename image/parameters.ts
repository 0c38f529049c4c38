/**
 * How a picture was made, as the text that AUTOMATIC1111's web UI keeps in its PNG files under `parameters`.
 *
 * @module
 */

/** The request behind a picture. */
export interface Parameters {
  /** What was asked for. */
  readonly prompt: string;
  /** What was to be avoided; empty if nothing was. */
  readonly negativePrompt: string;
  /**
   * All else by the names of the convention, in their order: `Steps`, `Sampler`, `CFG scale`, `Seed`, `Size`
   * (`512x512`), `Model`, `Denoising strength` and whatever a program adds.
   */
  readonly settings: Readonly<Record<string, string>>;
  /** Lines behind the settings, which some programs add; absent where there are none. */
  readonly behind?: string;
}

/** A line with fewer settings than this is taken for a part of the prompt. */
const fewestSettings = 3;
const negativeMark = "Negative prompt:";
/** Hold what the lines of the convention cannot: spaces at their ends, a prompt that contains the mark. */
const exactPrompt = "Exact prompt";
const exactNegativePrompt = "Exact negative prompt";

const name = String.raw`[\p{L}\p{N}_][\p{L}\p{N}_ \-/]+`;
const quoted = String.raw`"(?:\\.|[^\\"])*"`;

/**
 * Writes the text: prompt, `Negative prompt: …`, and one line of settings, of which those with commas, colons,
 * brackets in front or line breaks are quoted as JSON. What this gives, {@linkcode parseParameters} reads back unchanged,
 * whatever the strings: prompts that the convention would bend are written a second time, quoted, as a
 * setting.
 *
 * @example
 * ```ts
 * import { formatParameters } from "@mobile-diffusion/sdk/image";
 *
 * formatParameters({
 *   prompt: "a cat",
 *   negativePrompt: "fog",
 *   settings: { Steps: "20", Sampler: "DDIM", Seed: "7", Size: "512x512" },
 * });
 * // a cat
 * // Negative prompt: fog
 * // Steps: 20, Sampler: DDIM, Seed: 7, Size: 512x512
 * ```
 * @throws {RangeError} If there are fewer than 3 settings, which no reader would find, or a name is not one.
 */
export function formatParameters({ prompt, negativePrompt, settings }: Omit<Parameters, "behind">): string {
  const count = Object.keys(settings).length;
  if (count < fewestSettings) {
    throw new RangeError(`Cannot format the parameters: there are ${count} settings, expected 3 or more.`);
  }
  for (const key of Object.keys(settings)) {
    if (!new RegExp(`^${name}$`, "u").test(key) || key === exactPrompt || key === exactNegativePrompt) {
      throw new RangeError(
        `Cannot format the parameters: a setting is named ${JSON.stringify(key)}, expected words.`,
      );
    }
  }
  const text = join(prompt, negativePrompt, settings);
  const read = parseParameters(text);
  const exact: Record<string, string> = {};
  if (read.prompt !== prompt) exact[exactPrompt] = prompt;
  if (read.negativePrompt !== negativePrompt) exact[exactNegativePrompt] = negativePrompt;
  return Object.keys(exact).length === 0 ? text : join(prompt, negativePrompt, { ...settings, ...exact });
}

/**
 * Reads such a text, from whichever program. Every string has a meaning: where no line has settings, it is a prompt.
 *
 * @example
 * ```ts
 * import { parseParameters } from "@mobile-diffusion/sdk/image";
 *
 * const { prompt, settings } = parseParameters("a cat\nSteps: 20, Sampler: DDIM, Seed: 7");
 * settings["Sampler"]; // "DDIM"
 * ```
 */
export function parseParameters(text: string): Parameters {
  const lines = text.trim().split(/\r?\n/);
  const at = settingsLine(lines);
  const settings = at < 0 ? new Map<string, string>() : parseSettings(lines[at]!);
  const trimmed = lines.slice(0, at < 0 ? lines.length : at).map((line) => line.trim());
  const behind = at < 0 ? "" : lines.slice(at + 1).join("\n").trim();
  const mark = trimmed.findIndex((line) => line.startsWith(negativeMark));
  const negative = mark < 0
    ? []
    : trimmed.slice(mark).map((line) =>
      line.startsWith(negativeMark) ? line.slice(negativeMark.length).trim() : line
    );
  const prompt = settings.get(exactPrompt) ?? (mark < 0 ? trimmed : trimmed.slice(0, mark)).join("\n");
  const negativePrompt = settings.get(exactNegativePrompt) ?? negative.join("\n");
  settings.delete(exactPrompt);
  settings.delete(exactNegativePrompt);
  return {
    prompt,
    negativePrompt,
    settings: Object.fromEntries(settings),
    ...behind !== "" && { behind },
  };
}

/** Index of the last line if it holds settings, else of the last one that begins as the web UI's do; else −1. */
function settingsLine(lines: readonly string[]): number {
  const last = lines.length - 1;
  if (parseSettings(lines[last]!).size >= fewestSettings && !/^(?:Negative )?Template:/.test(lines[last]!)) {
    return last;
  }
  return lines.findLastIndex((line) =>
    line.startsWith("Steps: ") && parseSettings(line).size >= fewestSettings
  );
}

function join(prompt: string, negativePrompt: string, settings: Readonly<Record<string, string>>): string {
  const line = Object.entries(settings).map(([key, value]) => `${key}: ${quote(value)}`).join(", ");
  const negative = negativePrompt === "" ? [] : [`${negativeMark} ${negativePrompt}`];
  return [prompt, ...negative, line].join("\n");
}

/** More objects and lists than this are not looked for in a line: each may be sought up to its end. */
const mostLiterals = 16;

/** `name: value, name: value`; what is neither is passed over up to the next comma. */
function parseSettings(line: string): Map<string, string> {
  const setting = new RegExp(String.raw`\s*(${name}):\s*(${quoted}|[^,]*)(?:,|$)`, "duy");
  const settings = new Map<string, string>();
  let literals = 0;
  for (let at = 0; at < line.length;) {
    setting.lastIndex = at;
    const match = setting.exec(line);
    if (match === null) {
      const comma = line.indexOf(",", at);
      at = comma < 0 ? line.length : comma + 1;
      continue;
    }
    const [start] = match.indices![2]!;
    const isLiteral = /[{[]/.test(line[start] ?? "") && literals++ < mostLiterals;
    const end = isLiteral ? jsonEnd(line, start) : undefined;
    settings.set(match[1]!, end === undefined ? unquote(match[2]!) : line.slice(start, end));
    at = end === undefined ? setting.lastIndex : end + 1;
  }
  return settings;
}

/**
 * Where an object or a list ends that some programs put there as it is, commas and all; `undefined` where there is none
 * with a comma or the end of the line behind it.
 */
function jsonEnd(line: string, start: number): number | undefined {
  const token = /"(?:\\.|[^\\"])*"|[{}[\]]/g;
  token.lastIndex = start;
  let depth = 0;
  for (let match = token.exec(line); match !== null; match = token.exec(line)) {
    if (match[0] === "{" || match[0] === "[") depth++;
    else if (match[0] === "}" || match[0] === "]") depth--;
    if (depth > 0) continue;
    const [, rest] = line.slice(token.lastIndex).match(/^(\s*)(?:,|$)/) ?? [];
    return rest === undefined ? undefined : token.lastIndex;
  }
  return undefined;
}

function quote(value: string): string {
  const isPlain = value !== "" && !/^[{[]|[,:\r\n"]/.test(value) && value === value.trim();
  return isPlain ? value : JSON.stringify(value);
}

function unquote(value: string): string {
  if (!/^".*"$/s.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
