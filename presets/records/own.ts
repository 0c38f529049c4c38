/**
 * Our own pictures.
 *
 * @module
 */
import { parseParameters } from "../../image/mod.ts";
import { SAMPLERS } from "../../samplers/registry.ts";
import { modelRemarks } from "./a1111.ts";
import { parseObject } from "./_json_texts.ts";
import { optional, Settings } from "./_settings.ts";
import { type Dialect, type Remark, type RequestOptions, unreadable } from "./request.ts";

/** What stands under "Version". */
export const VERSION = "Mobile Diffusion SDK";

/** A1111's text with our version, or, from before there was one, with one of our samplers as only we spell them. */
export const own: Dialect = {
  name: VERSION,
  recognises({ parameters }) {
    const { Version: version, Sampler: sampler } = parseParameters(parameters ?? "").settings;
    return version === undefined ? SAMPLERS.some(({ name }) => name === sampler) : version === VERSION;
  },
  read({ parameters = "" }) {
    const { prompt, negativePrompt, settings } = parseParameters(parameters);
    const given = new Settings(settings);
    given.text("Version");
    const model = given.text("Model");
    const options = given.text("Sampler options");
    const eta = given.number("Eta");
    const samplerOptions = {
      ...options !== undefined && parseObject(options, "Sampler options"),
      ...optional("eta", eta),
    };
    const layers = given.number("Clip skip");
    const strength = given.number("Denoising strength");
    const syntax = given.text("Prompt syntax") ?? "plain";
    if (syntax !== "plain" && syntax !== "weighted") {
      throw unreadable(`its Prompt syntax is ${JSON.stringify(syntax)}`, "plain or weighted");
    }
    const source = given.text("RNG");
    const request: RequestOptions = {
      prompt,
      ...negativePrompt !== "" && { negativePrompt },
      ...optional("sampler", given.text("Sampler")),
      ...Object.keys(samplerOptions).length > 0 && { samplerOptions },
      ...optional("steps", given.number("Steps")),
      ...optional("guidance", given.number("CFG scale")),
      ...optional("guidanceRescale", given.number("CFG rescale")),
      ...optional("seed", given.number("Seed")),
      ...given.size("Size"),
      ...optional("strength", strength),
      ...layers !== undefined && layers > 1 && { clipSkip: layers - 1 },
      promptSyntax: syntax,
      rng: source === "NV" ? "cuda" : "cpu",
    };
    const left = given.rest();
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...strength === undefined
        ? []
        : [{ option: "image", needed: true, text: "it was made from another picture" }],
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    return { writer: VERSION, options: request, remarks, ...optional("model", model) };
  },
};
