/** What is said to a network in a run: a text for each pass and picture, and what an encoder makes of them. */
import type { Conditioning, Encoded, EncodeRequest, Pass } from "../core/parts.ts";
import { sliceRows } from "../core/tensor.ts";

/** The text of one pass for one picture. */
export interface PassText {
  /** Name of the pass. */
  readonly pass: string;
  /** Index of the picture. */
  readonly row: number;
  readonly text: string;
}

/** Encodes texts, each to one row of every entry, all equally long. */
export type EncodeTexts = (texts: readonly PassText[]) => Promise<Conditioning>;

/**
 * Encodes the texts of all passes as they are, in one call, the conditional ones first.
 *
 * @throws {RangeError} If a pass is neither conditional nor unconditional.
 */
export async function encodePasses(request: EncodeRequest, encode: EncodeTexts): Promise<Encoded> {
  const { prompts, negativePrompts = prompts.map(() => ""), passes } = request;
  checkPasses(passes);
  const order = ["conditional", "unconditional"].filter((name) => passes.includes(name));
  const texts = order.flatMap((pass) =>
    (pass === "conditional" ? prompts : negativePrompts).map((text, row) => ({ pass, row, text }))
  );
  const made = passesOf(order, prompts.length, await encode(texts));
  return { passes: passes.map((name) => made.find((pass) => pass.name === name)!) };
}

/** @throws {RangeError} If a pass is neither conditional nor unconditional. */
export function checkPasses(passes: readonly string[]): void {
  const unknown = passes.find((name) => name !== "conditional" && name !== "unconditional");
  if (unknown === undefined) return;
  throw new RangeError(
    `Cannot encode the prompts for the pass "${unknown}": expected "conditional" or "unconditional".`,
  );
}

/** Rows of a conditioning as passes of `rows` each. */
export function passesOf(
  names: readonly string[],
  rows: number,
  conditioning: Conditioning,
): readonly Pass[] {
  return names.map((name, i) => ({
    name,
    conditioning: Object.fromEntries(
      Object.entries(conditioning).map(([entry, tensor]) => [
        entry,
        sliceRows(tensor, i * rows, (i + 1) * rows),
      ]),
    ),
  }));
}
