/** What a finished picture says about itself. */
import type { ReadOptions } from "./_pictures.ts";
import type { Run } from "./generate_options.ts";
import type { GenerationParameters } from "./generation.ts";
import type { PictureSources } from "./picture_sources.ts";
import type { Model } from "./model.ts";

/** Parameters of one row of a run. */
export function parametersOf(
  row: number,
  run: Run,
  { name, backend }: Model,
  { image, clipSkip = 0, promptSyntax = "plain" }: ReadOptions,
  sources: PictureSources,
): GenerationParameters {
  const { sampler } = run;
  return {
    prompt: run.prompts[row]!,
    negativePrompt: run.negativePrompts?.[row] ?? "",
    ...run.negativePrompts?.[row] === "" && { emptyNegativePrompt: true },
    ...run.prompts2 !== undefined && { prompt2: run.prompts2[row]! },
    ...run.negativePrompts2 !== undefined && { negativePrompt2: run.negativePrompts2[row]! },
    ...run.sizes !== undefined && { sizes: run.sizes },
    model: name,
    backend,
    sampler: sampler.name,
    ...sampler.options !== undefined && { samplerOptions: sampler.options },
    steps: run.steps,
    guidance: run.guidance,
    seed: run.seeds[row]!,
    width: run.width,
    height: run.height,
    ...image !== undefined && { strength: run.strength },
    ...run.guidanceRescale > 0 && { guidanceRescale: run.guidanceRescale },
    ...clipSkip > 0 && { clipSkip },
    ...promptSyntax !== "plain" && { promptSyntax },
    ...run.rng !== "cpu" && { rng: run.rng },
    sources,
  };
}
