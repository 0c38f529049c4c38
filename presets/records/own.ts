/**
 * Our own pictures.
 *
 * @module
 */
import { checkSizes, type RunSizes } from "../../core/told_sizes.ts";
import { recordedOptions } from "../_origin.ts";
import { parseParameters } from "../../image/mod.ts";
import { SAMPLERS } from "../../samplers/registry.ts";
import { modelRemarks } from "./a1111.ts";
import { parseObject } from "./_json_texts.ts";
import { optional, Settings } from "./_settings.ts";
import {
  type Dialect,
  type PictureRequest,
  type Remark,
  type RequestOptions,
  unreadable,
} from "./request.ts";

/** What stands under "Version". */
export const VERSION = "Mobile Diffusion SDK";

/** A1111's text with our version, or, from before there was one, with a backend and one of our samplers. */
export const own: Dialect = {
  name: VERSION,
  recognises({ parameters }) {
    const { Version: version, Sampler: sampler, Backend: backend } =
      parseParameters(parameters ?? "").settings;
    if (version !== undefined) return version === VERSION;
    return backend !== undefined && SAMPLERS.some(({ name }) => name === sampler);
  },
  read: ({ parameters = "" }) => readOwn(parameters),
};

function readOwn(text: string): PictureRequest {
  const { prompt, negativePrompt, settings } = parseParameters(text);
  const given = new Settings(settings);
  given.text("Version");
  const name = given.text("Model");
  const model = given.text("Model path") ?? (name === "mini" ? name : undefined);
  const sampler = given.text("Sampler");
  const isOurs = SAMPLERS.some((known) => known.name === sampler);
  const samplerOptions = { ...given.json("Sampler options"), ...optional("eta", given.number("Eta")) };
  const layers = given.number("Clip skip"); // there 1 is the last layer
  const strength = given.number("Denoising strength");
  const sizes = given.json("Sizes");
  const { guidanceMode, batchNoise, batchSize } = given.json("Run") ?? {};
  const [loras, control] = [usedFiles(given, "LoRAs"), usedFiles(given, "Controls")];
  const opened = recordedOptions(given.json("Opened with") ?? {});
  const options: RequestOptions = {
    prompt,
    ...(negativePrompt !== "" || given.text("Empty negative prompt") !== undefined) && { negativePrompt },
    ...optional("prompt2", quoted(given, "Prompt 2")),
    ...optional("negativePrompt2", quoted(given, "Negative prompt 2")),
    ...sizes !== undefined && { sizes: told(sizes) },
    ...isOurs && optional("sampler", sampler),
    ...isOurs && Object.keys(samplerOptions).length > 0 && { samplerOptions },
    ...optional("steps", given.number("Steps")),
    ...optional("guidance", given.number("CFG scale")),
    ...optional("guidanceRescale", given.number("CFG rescale")),
    ...optional("seed", given.number("Seed")),
    ...given.size("Size"),
    ...optional("strength", strength),
    ...layers !== undefined && layers > 1 && { clipSkip: layers - 1 },
    promptSyntax: given.oneOf("Prompt syntax", ["plain", "weighted"]) ?? "plain",
    rng: given.oneOf("RNG", ["CPU", "NV"]) === "NV" ? "cuda" : "cpu",
    ...guidanceMode === "passes" && { guidanceMode },
    ...optional("model", model),
    ...optional("backend", given.text("Backend")),
    ...Object.keys(opened).length > 0 && { opened },
    ...loras.length > 0 && { loras },
    ...control.length > 0 && { control },
  };
  const lacks = given.text("Not kept")?.split(", ") ?? [];
  const kept = given.texts();
  const remarks: Remark[] = [
    ...model === undefined ? modelRemarks(name ?? "of its own") : [],
    ...isOurs
      ? []
      : [{ option: "sampler", needed: true, text: `its sampler ${JSON.stringify(sampler)} is not ours` }],
    ...strength === undefined
      ? []
      : [{ option: "image", needed: true, text: "it was made from another picture" }],
    ...kept["Mask hash"] === undefined
      ? []
      : [{ option: "mask", needed: true, text: "only a part of it was repainted" }],
    ...lacks.filter((option) => option !== "model" && option !== "sampler").map((option) => ({
      option,
      text: `its ${option} cannot be kept in a file`,
    })),
    ...batchNoise === undefined
      ? []
      : [{ text: "it shared its noise with others of its batch, which it needs beside it" }],
    ...batchSize === undefined ? [] : [{
      text: `it was made ${JSON.stringify(batchSize)} at a time, and may differ in the last bits alone`,
    }],
  ];
  return { writer: VERSION, options, remarks, ...optional("model", name), kept };
}

/** A text that is kept as JSON. */
function quoted(given: Settings, name: string): string | undefined {
  const text = given.text(name);
  if (text === undefined) return undefined;
  const { value } = parseObject(`{"value":${text}}`, name);
  if (typeof value === "string") return value;
  throw unreadable(`its ${name} is ${JSON.stringify(text)}`, "a text");
}

/** Sizes as an option takes them. */
function told(sizes: RunSizes): RunSizes {
  try {
    checkSizes(sizes);
    return sizes;
  } catch {
    throw unreadable(`its Sizes are ${JSON.stringify(sizes)}`, "sizes in pixels");
  }
}

interface UsedFile {
  readonly source: string;
  readonly scale?: number;
}

/** Those with a name; the others are named under "Not kept". */
function usedFiles(given: Settings, name: string): UsedFile[] {
  const text = given.peek(name);
  if (text === undefined) return [];
  const list: unknown = parseObject(`{"list":${text}}`, name)["list"];
  if (!Array.isArray(list)) throw unreadable(`its ${name} are ${JSON.stringify(text)}`, "a list");
  return list.flatMap((item: Readonly<Record<string, unknown>> | null) => {
    const { hash: _, source, ...rest } = item ?? {};
    return typeof source === "string" ? [{ ...rest, source }] : [];
  });
}
