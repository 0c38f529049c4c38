/** Writes finished pictures, with their parameters as text in A1111's convention. */
import type { GenerationParameters, ImageEncoder } from "../core/generation.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { VERSION } from "./records/own.ts";
import { encodeImage, formatParameters } from "../image/mod.ts";

/** The {@linkcode ImageEncoder} of every pipeline made here. */
export const encodeGenerated: ImageEncoder = (image, format, parameters, options) => {
  return encodeImage(image, format, { ...options, text: { parameters: parametersText(parameters) } });
};

/** A1111's names, as its web UI and the sites that show pictures read them; ours where it has none. */
export function parametersText(parameters: GenerationParameters): string {
  const { prompt, negativePrompt, sampler, steps, guidance, seed, width, height, model } = parameters;
  const { strength, guidanceRescale, clipSkip, promptSyntax, rng } = parameters;
  const { emptyNegativePrompt, prompt2, negativePrompt2, sizes } = parameters;
  const { eta, steps: _, ...samplerOptions } = { ...parameters.samplerOptions } as Record<string, unknown>;
  const hasOptions = Object.values(samplerOptions).some((value) => value !== undefined);
  const settings = {
    "Steps": `${steps}`,
    "Sampler": sampler,
    "CFG scale": `${guidance}`,
    "Seed": `${seed}`,
    "Size": `${width}x${height}`,
    "Model": model,
    ...strength !== undefined && { "Denoising strength": `${strength}` },
    ...guidanceRescale !== undefined && { "CFG rescale": `${guidanceRescale}` },
    ...clipSkip !== undefined && { "Clip skip": `${clipSkip + 1}` }, // there 1 is the last layer
    ...eta !== undefined && { "Eta": `${eta}` },
    ...hasOptions && { "Sampler options": JSON.stringify(samplerOptions) },
    ...promptSyntax !== undefined && { "Prompt syntax": promptSyntax },
    ...emptyNegativePrompt && { "Empty negative prompt": "yes" },
    ...prompt2 !== undefined && { "Prompt 2": JSON.stringify(prompt2) },
    ...negativePrompt2 !== undefined && { "Negative prompt 2": JSON.stringify(negativePrompt2) },
    ...sizes !== undefined && { "Sizes": JSON.stringify(sizes) },
    "RNG": rng === "cuda" ? "NV" : "CPU",
    ...sourcesSettings(parameters),
    "Version": VERSION,
  };
  return formatParameters({
    prompt,
    negativePrompt,
    settings: withNotes(settings, parameters.sources.notes),
  });
}

/** The caller's own settings behind ours. */
function withNotes(
  settings: Record<string, string>,
  notes: Readonly<Record<string, string>>,
): Record<string, string> {
  const taken = Object.keys(notes).find((name) => Object.hasOwn(settings, name) || ownSettings.test(name));
  if (taken === undefined) return { ...settings, ...notes };
  throw new RangeError(
    `Cannot keep the record's ${
      JSON.stringify(taken)
    } with the picture: that is a setting of its own, expected another name.`,
  );
}

/** Settings that not every picture has, which a note of their name would counterfeit. */
const ownSettings =
  /^(?:Denoising strength|CFG rescale|Clip skip|Eta|Sampler options|Prompt syntax|Empty negative prompt|Prompt 2|Negative prompt 2|Sizes|Model path|Model bytes|Opened with|LoRAs|Controls|Image hash|Mask hash|Run|Not kept)$/;

/** What else it was made from: settings that only we write, JSON where they are more than a word. */
function sourcesSettings(
  { sources, sampler, model: name, backend }: GenerationParameters,
): Record<string, string> {
  const { model, loras, controls, image, mask, run, lacks } = sources;
  const json = (key: string, value: object) =>
    Object.keys(value).length > 0 && { [key]: JSON.stringify(value) };
  const missing = SAMPLERS.some((known) => known.name === sampler) ? lacks : [...lacks, "sampler"];
  return {
    "Backend": backend,
    ...model?.source !== undefined && model.source !== name && { "Model path": model.source },
    ...model?.bytes !== undefined && { "Model bytes": `${model.bytes}` },
    ...json("Opened with", model?.options ?? {}),
    ...json("LoRAs", loras),
    ...json("Controls", controls),
    ...image !== undefined && { "Image hash": image },
    ...mask !== undefined && { "Mask hash": mask },
    ...json("Run", run),
    ...missing.length > 0 && { "Not kept": missing.join(", ") },
  };
}
