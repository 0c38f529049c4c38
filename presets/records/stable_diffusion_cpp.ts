/**
 * Pictures of stable-diffusion.cpp: A1111's text with sampler names, an eta and random numbers of its own, and, of late,
 * the same once more as JSON.
 *
 * @module
 */
import type { Json } from "../../core/json.ts";
import type { RandomSource } from "../../core/noise.ts";
import { parseParameters } from "../../image/mod.ts";
import { modelRemarks, secondPassRemarks } from "./a1111.ts";
import { parseObject } from "./_json_texts.ts";
import { claimedSampler, SDCPP_SAMPLERS, takes } from "./_samplers.ts";
import { optional, Settings } from "./_settings.ts";
import { unescaped, XMP } from "./_xmp.ts";
import type { Dialect, Remark } from "./request.ts";

/** Random numbers by its names. */
const sources: ReadonlyMap<string, RandomSource> = new Map([["cuda", "cuda"], ["cpu", "cpu"]]);

/** Parts of other families, an empty list behind a prompt's LoRAs, and what is in the text already. */
const nothing = ["Guidance", "Version", "TE"];

/** The text with the setting `Version: stable-diffusion.cpp`; in WebP files it stands in XMP. */
export const stableDiffusionCpp: Dialect = {
  name: "stable-diffusion.cpp",
  recognises: (texts) =>
    parseParameters(textOf(texts)).settings["Version"]?.startsWith("stable-diffusion.cpp") ?? false,
  read(texts) {
    const { prompt, negativePrompt, settings } = parseParameters(textOf(texts));
    const given = new Settings(settings);
    const steps = given.number("Steps");
    const [guidance, seed, size] = [given.number("CFG scale"), given.number("Seed"), given.size("Size")];
    const [name, scheduler] = [given.text("Sampler"), given.text("Scheduler")];
    const [whole, network] = [given.text("Model") ?? "", given.text("Unet")];
    const model = whole === "" ? network : whole;
    const levels = given.text("Custom Sigmas");
    const claimed = name === undefined ? undefined : claimedSampler({
      table: SDCPP_SAMPLERS,
      name,
      steps: steps ?? 20,
      ...optional("spacing", scheduler),
      otherwise: "discrete",
    });
    const sampler = claimed?.options.sampler;
    const sigmas = takes(sampler, "sigmas") ? numbers(levels) : undefined;
    const eta = etaOf(given);
    // It writes an eta always, and most versions use it for these two only, with others as if it were 1.
    const hasEta = name?.startsWith("ddim") || name?.startsWith("tcd") || (eta ?? 0) !== 0;
    const source = given.text("RNG") ?? "cuda";
    const layers = given.number("Clip skip"); // there 1 is the last layer, and -1 the model's own
    const vae = given.text("VAE");
    const hires = secondPassRemarks(given);
    if (hires.length > 0) given.take("Denoising strength"); // the second pass'
    const again = given.text("SDCPP");
    for (const setting of nothing) given.take(setting);
    const samplerRng = given.text("Sampler RNG") ?? source;
    const left = given.rest();
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...claimed?.remarks ?? [],
      ...vae === undefined
        ? []
        : [{ option: "vae", text: `it was decoded with the VAE ${JSON.stringify(vae)}` }],
      ...sources.has(source)
        ? []
        : [{ option: "rng", text: `it was made from the random numbers of ${JSON.stringify(source)}` }],
      ...samplerRng === source
        ? []
        : [{ text: `the noise of its steps came from the random numbers of ${JSON.stringify(samplerRng)}` }],
      ...levels === undefined || sigmas !== undefined
        ? []
        : [{ option: "sampler", text: `its noise levels ${JSON.stringify(levels)} are not used` }],
      ...hires,
      ...again === undefined ? [] : jsonRemarks(again),
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    const samplerOptions = {
      ...claimed?.options.samplerOptions,
      ...optional("sigmas", sigmas),
      ...hasEta && takes(sampler, "eta") && optional("eta", eta),
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
        ...layers !== undefined && layers > 1 && { clipSkip: layers - 1 },
        promptSyntax: "weighted",
        ...optional("rng", sources.get(source)),
      },
      remarks,
      ...optional("model", model),
    };
  },
};

function textOf({ parameters, [XMP]: xmp = "" }: Readonly<Record<string, string>>): string {
  const [, inside] = xmp.match(/<sdcpp:parameters>([^<]*)<\/sdcpp:parameters>/) ?? [];
  return parameters ?? unescaped(inside ?? "");
}

/** "inf" leaves it to the sampler. */
function etaOf(given: Settings): number | undefined {
  if (given.peek("Eta") !== "inf") return given.number("Eta");
  given.take("Eta");
  return undefined;
}

/** `[14.6, 0.5, 0]`, or nothing where it is none. */
function numbers(list: string | undefined): readonly number[] | undefined {
  const values = list?.match(/^\[(.*)\]$/)?.[1]?.split(",").map(Number) ?? [];
  return values.length > 1 && values.every(Number.isFinite) ? values : undefined;
}

/** What the JSON alone says. */
function jsonRemarks(text: string): Remark[] {
  const { models, ...said } = parseObject(text, "stable-diffusion.cpp's JSON");
  const { control_net, taesd } = (typeof models === "object" && models !== null ? models : {}) as Json;
  const { cache, vae_tiling } = said;
  const remarks: Remark[] = [];
  if (control_net !== undefined) {
    remarks.push({
      option: "control",
      text: `it was steered by the ControlNet ${JSON.stringify(control_net)}`,
    });
  }
  if (taesd !== undefined) {
    remarks.push({ option: "vae", text: `it was decoded with the tiny VAE ${JSON.stringify(taesd)}` });
  }
  for (const [name, value] of Object.entries({ cache, vae_tiling })) {
    if (value !== undefined) remarks.push({ text: `not used: ${JSON.stringify({ [name]: value })}` });
  }
  return remarks;
}
