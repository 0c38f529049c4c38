/** Writes finished pictures, with their parameters as text in A1111's convention. */
import type { GenerationParameters, ImageEncoder } from "../core/generation.ts";
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
  const { eta, steps: _, ...samplerOptions } = { ...parameters.samplerOptions } as Record<string, unknown>;
  const hasOptions = Object.values(samplerOptions).some((value) => value !== undefined);
  return formatParameters({
    prompt,
    negativePrompt,
    settings: {
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
      "RNG": rng === "cuda" ? "NV" : "CPU",
      "Version": VERSION,
    },
  });
}
