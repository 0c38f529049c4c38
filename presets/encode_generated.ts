/** Writes finished pictures: PNG carries the parameters as text, in A1111's convention. */
import type { GenerationParameters, ImageEncoder } from "../core/generation.ts";
import { encodeImage, formatParameters } from "../image/mod.ts";

/** The {@linkcode ImageEncoder} of every pipeline made here. */
export const encodeGenerated: ImageEncoder = (image, format, parameters, options) => {
  const text = format === "png" ? { text: { parameters: parametersText(parameters) } } : {};
  return encodeImage(image, format, { ...options, ...text });
};

/** A1111's names, as its web UI and the sites that show pictures read them. */
export function parametersText(parameters: GenerationParameters): string {
  const { prompt, negativePrompt, sampler, steps, guidance, seed, width, height, model, strength } = parameters;
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
    },
  });
}
