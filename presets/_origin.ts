/** What a picture's record says of how its model was opened. */
import type { ModelOrigin } from "../core/model_origin.ts";
import type { CreatePipelineOptions } from "./create_pipeline.ts";
import type { TextualInversion } from "../parts/textual_inversion.ts";
import type { UsedInversion } from "../core/model_origin.ts";
import { fingerprint, sizeOnDisk } from "./_fingerprint.ts";

/**
 * How each option is kept: as JSON; by its name, where it is one; in words of its own; not at all, since a file
 * cannot hold it; or not, since it changes no pixel. A missing or a further option does not type-check.
 */
export const KEPT: Readonly<
  Record<keyof CreatePipelineOptions, "json" | "name" | "own" | "lacking" | "nothing">
> = {
  model: "own",
  backend: "own",
  hub: "own",
  keep: "nothing",
  signal: "nothing",
  onProgress: "nothing",
  dtype: "json",
  variant: "json",
  vae: "name",
  unet: "name",
  textEncoder: "name",
  tile: "json",
  tokenizer: "name",
  predictionType: "json",
  checkpoint: "json",
  inversions: "own",
  loraPorts: "json",
  adapters: "lacking",
  family: "name",
};

/** The origin of a model that was opened with these options. */
export async function originOf(
  model: CreatePipelineOptions["model"],
  options: Omit<CreatePipelineOptions, "model">,
): Promise<ModelOrigin> {
  const kept: Record<string, unknown> = {};
  const lacks: string[] = [];
  for (const [option, value] of Object.entries(options)) {
    const how = KEPT[option as keyof CreatePipelineOptions];
    if (value === undefined) continue;
    if (how === "json" || how === "name" && typeof value === "string") kept[option] = value;
    else if (how === "lacking" || how === "name") lacks.push(option);
  }
  const words = await usedInversions(options.inversions ?? []);
  if (words === undefined) lacks.push("inversions");
  const inversions = words === undefined || words.length === 0 ? {} : { inversions: words };
  const { revision } = options.hub ?? {};
  if (revision !== undefined) kept["hub"] = { revision }; // not the mirror, nor the token
  if (typeof model !== "string") return { options: kept, lacks: ["model", ...lacks], ...inversions };
  const bytes = model === "mini" ? undefined : await sizeOnDisk(model);
  return { source: model, ...bytes !== undefined && { bytes }, options: kept, lacks, ...inversions };
}

/** Words by their files; nothing where one has none. */
async function usedInversions(words: readonly TextualInversion[]): Promise<UsedInversion[] | undefined> {
  if (words.some(({ source }) => source === undefined)) return undefined;
  return await Promise.all(words.map(async ({ token, source }) => {
    const hash = await fingerprint(source!);
    return { token, source: source!, ...hash !== undefined && { hash } };
  }));
}

/** What a recorded value must be; the others are no options of a record. */
const kinds: Readonly<Partial<Record<keyof CreatePipelineOptions, string>>> = {
  dtype: "string or object",
  variant: "string",
  vae: "string",
  unet: "string",
  textEncoder: "string",
  tokenizer: "string",
  tile: "number",
  predictionType: "string",
  checkpoint: "object",
  loraPorts: "object",
  family: "string",
};

/**
 * Options out of a picture's file: those that a record keeps, of their kinds. Where a model comes from is not among
 * them, but for its revision: a stranger's picture names no mirror.
 *
 * @throws {TypeError} If there is another, or one of another kind.
 */
export function recordedOptions(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([option, value]) => {
      if (option === "hub") {
        const { revision } = typeof value === "object" && value !== null
          ? value as { revision?: unknown }
          : {};
        if (typeof revision === "string") return [option, { revision }];
      }
      const kind = Object.hasOwn(kinds, option) ? kinds[option as keyof CreatePipelineOptions] : undefined;
      if (kind?.split(" or ").includes(typeof value) && value !== null) return [option, value];
      throw new TypeError(
        `Cannot make the picture again: it was opened with ${option}: ${JSON.stringify(value)}, expected ` +
          `${Object.keys(kinds).join(", ")} or hub as our records have them.`,
      );
    }),
  );
}
