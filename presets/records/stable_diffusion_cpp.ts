/**
 * Pictures of stable-diffusion.cpp: A1111's text with sampler names, an eta and random numbers of its own.
 *
 * @module
 */
import type { RandomSource } from "../../core/noise.ts";
import { parseParameters } from "../../image/mod.ts";
import { modelRemarks } from "./a1111.ts";
import { claimedSampler, SDCPP_SAMPLERS, takes } from "./_samplers.ts";
import { optional, Settings } from "./_settings.ts";
import type { Dialect, Remark } from "./request.ts";

/** Random numbers by its names. */
const sources: ReadonlyMap<string, RandomSource> = new Map([["cuda", "cuda"], ["cpu", "cpu"]]);

/** The text whose last setting is `Version: stable-diffusion.cpp`. */
export const stableDiffusionCpp: Dialect = {
  name: "stable-diffusion.cpp",
  recognises: ({ parameters }) => /\bVersion: "?stable-diffusion\.cpp/.test(parameters ?? ""),
  read({ parameters = "" }) {
    const { prompt, negativePrompt, settings } = parseParameters(parameters);
    const given = new Settings(settings);
    const steps = given.number("Steps");
    const [guidance, seed, size] = [given.number("CFG scale"), given.number("Seed"), given.size("Size")];
    const [name, scheduler] = [given.text("Sampler"), given.text("Scheduler")];
    const model = given.text("Model");
    const claimed = name === undefined ? undefined : claimedSampler({
      table: SDCPP_SAMPLERS,
      name,
      steps: steps ?? 20,
      ...optional("spacing", scheduler),
      otherwise: "discrete",
    });
    const eta = given.number("Eta");
    // It writes an eta always, and most versions use it for these two only, with others as if it were 1.
    const hasEta = name?.startsWith("ddim") || name?.startsWith("tcd") || (eta ?? 0) !== 0;
    const source = given.text("RNG") ?? "cuda";
    given.text("Guidance"); // of distilled networks of other families
    given.text("Version");
    const left = given.rest();
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...claimed?.remarks ?? [],
      ...sources.has(source)
        ? []
        : [{ option: "rng", text: `it was made from the random numbers of ${JSON.stringify(source)}` }],
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    const samplerOptions = {
      ...claimed?.options.samplerOptions,
      ...hasEta && takes(claimed?.options.sampler, "eta") && optional("eta", eta),
    };
    return {
      writer: stableDiffusionCpp.name,
      options: {
        prompt,
        ...negativePrompt !== "" && { negativePrompt },
        ...claimed?.options,
        ...Object.keys(samplerOptions).length > 0 && { samplerOptions },
        ...optional("steps", steps),
        ...optional("guidance", guidance),
        ...optional("seed", seed),
        ...size,
        promptSyntax: "weighted",
        ...optional("rng", sources.get(source)),
      },
      remarks,
      ...optional("model", model),
    };
  },
};
