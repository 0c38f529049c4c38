/** What pictures' texts in JSON have in common. */
import type { Remark, RequestOptions } from "./request.ts";
import { unreadable } from "./request.ts";

/**
 * A JSON object. Seeds of more digits than a number holds stay texts.
 *
 * @throws {TypeError} If the text is none.
 */
export function parseObject(text: string, what: string): Readonly<Record<string, unknown>> {
  // ComfyUI writes NaN, which is no JSON.
  const exact = text.replaceAll(/("(?:noise_)?seed"\s*:\s*)(\d{16,20})(?=\s*[,}\]])/g, '$1"$2"')
    .replaceAll(/(:\s*)NaN(?=\s*[,}\]])/g, "$1null");
  let value: unknown;
  try {
    value = JSON.parse(exact);
  } catch {
    throw unreadable(`${what} is not JSON`, "a whole picture file");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw unreadable(`${what} is no JSON object`, "a whole picture file");
}

/**
 * A seed for PyTorch's CPU generator, which uses its low 32 bits alone: that is what one of 64 bits stands for.
 *
 * @throws {TypeError} If it is no whole number.
 */
export function seedOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,20}$/.test(text)) throw unreadable(`its seed is ${JSON.stringify(text)}`, "a whole number");
  const seed = BigInt(text);
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : Number(seed % 2n ** 32n);
}

/**
 * Prompts in the syntax that ComfyUI and SwarmUI read: `(word:1.2)` is a weight, and square brackets and AND are text.
 *
 * @param marked What of a prompt stands for something else than its letters, as `embedding:name`.
 */
export function commonPrompt(
  { prompt, negativePrompt }: { readonly prompt: string; readonly negativePrompt: string },
  marked: RegExp,
): {
  readonly options: Pick<RequestOptions, "prompt" | "negativePrompt" | "promptSyntax">;
  readonly remarks: readonly Remark[];
} {
  const weighted = /[()]/.test(prompt + negativePrompt);
  // Words in capitals are the same to CLIP in small letters.
  const written = (text: string) =>
    weighted
      ? text.replaceAll(/(?<!\\)([[\]])/g, "\\$1").replaceAll(
        /\b(?:AND|BREAK)\b/g,
        (word) => word.toLowerCase(),
      )
      : text;
  const marks = [...`${prompt}\n${negativePrompt}`.matchAll(marked)].map(([mark]) => mark);
  return {
    options: {
      prompt: written(prompt),
      ...negativePrompt !== "" && { negativePrompt: written(negativePrompt) },
      promptSyntax: weighted ? "weighted" : "plain",
    },
    remarks: [
      ...weighted
        ? [{
          option: "promptSyntax",
          text: "its writer applies weights of words in another way than is done here",
        }]
        : [],
      ...marks.length === 0
        ? []
        : [{ text: `its prompt's ${JSON.stringify(marks.join(", "))} is taken as text` }],
    ],
  };
}
