/**
 * Pictures of InvokeAI, which writes JSON under `invokeai_metadata`.
 *
 * @module
 */
import { claimedSampler, type Spelling } from "./_samplers.ts";
import { parseObject, seedOf } from "./_json_texts.ts";
import { modelRemarks } from "./a1111.ts";
import { optional, Settings } from "./_settings.ts";
import { type Dialect, type Remark, unreadable } from "./request.ts";

/** By the names of its schedulers, which are those of diffusers with the spacing behind it. */
const samplers: Readonly<Record<string, Spelling>> = {
  "ddim": { sampler: "ddim" },
  "ddpm": { sampler: "ddpm" },
  "deis": { sampler: "deis" },
  "deis_k": { sampler: "deis", options: { sigmas: "karras" } },
  "dpmpp_2s": { sampler: "dpmpp_2s" },
  "dpmpp_2s_k": { sampler: "dpmpp_2s", options: { sigmas: "karras" } },
  "dpmpp_2m": { sampler: "dpmpp_2m" },
  "dpmpp_2m_k": { sampler: "dpmpp_2m", options: { sigmas: "karras" } },
  "dpmpp_2m_sde": { sampler: "dpmpp_2m_sde" },
  "dpmpp_2m_sde_k": { sampler: "dpmpp_2m_sde", options: { sigmas: "karras" } },
  "heun": { sampler: "heun" },
  "heun_k": { sampler: "heun", options: { sigmas: "karras" } },
  "kdpm_2": { sampler: "dpm2" },
  "kdpm_2_k": { sampler: "dpm2", options: { sigmas: "karras" } },
  "kdpm_2_a": { sampler: "dpm2_ancestral" },
  "kdpm_2_a_k": { sampler: "dpm2_ancestral", options: { sigmas: "karras" } },
  "lms": { sampler: "lms" },
  "lms_k": { sampler: "lms", options: { sigmas: "karras" } },
  "pndm": { sampler: "pndm" },
  "unipc": { sampler: "unipc" },
  "unipc_k": { sampler: "unipc", options: { sigmas: "karras" } },
  "euler": { sampler: "euler" },
  "euler_k": { sampler: "euler", options: { sigmas: "karras" } },
  "euler_a": { sampler: "euler_ancestral" },
  "lcm": { sampler: "lcm" },
  "tcd": { sampler: "tcd" },
};

/** The text `invokeai_metadata`; older versions wrote `sd-metadata` and `Dream`, which are refused. */
export const invokeai: Dialect = {
  name: "InvokeAI",
  recognises: (texts) =>
    ["invokeai_metadata", "invokeai", "sd-metadata", "Dream"].some((key) => key in texts),
  read({ invokeai_metadata: text }) {
    if (text === undefined) throw unreadable("it is of an old InvokeAI", "one of version 3.1 or later");
    const given = new Settings(parseObject(text, "InvokeAI's text"));
    const mode = given.text("generation_mode") ?? "txt2img";
    if (mode !== "txt2img") {
      throw unreadable(
        `InvokeAI made it as ${JSON.stringify(mode)}`,
        '"txt2img"; give its settings as options',
      );
    }
    const name = given.text("scheduler");
    const [prompt, negativePrompt] = [
      given.text("positive_prompt") ?? "",
      given.text("negative_prompt") ?? "",
    ];
    const steps = given.number("steps");
    const claimed = name === undefined
      ? undefined
      : claimedSampler({ table: samplers, name, steps: steps ?? 20, otherwise: "model" });
    const model = modelName(given.take("model"));
    const source = given.text("rand_device") ?? "cpu";
    const options = {
      prompt,
      ...negativePrompt !== "" && { negativePrompt },
      ...claimed?.options,
      ...optional("steps", steps),
      ...optional("guidance", given.number("cfg_scale")),
      ...positive("guidanceRescale", given.number("cfg_rescale_multiplier")),
      ...optional("seed", seedOf(given.text("seed"))),
      ...optional("width", given.number("width")),
      ...optional("height", given.number("height")),
      ...positive("clipSkip", given.number("clip_skip")),
      rng: source === "cuda" ? "cuda" as const : "cpu" as const,
    };
    for (const nothing of ["app_version", "_canvas_objects", "ref_images"]) given.take(nothing);
    const left = given.rest().filter((setting) => !setting.endsWith(": []"));
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...claimed?.remarks ?? [],
      ...weighted.test(prompt + negativePrompt)
        ? [{
          option: "promptSyntax",
          text: "its prompt has InvokeAI's weights of words, which are taken as text",
        }]
        : [],
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    return { writer: invokeai.name, options, remarks, ...optional("model", model) };
  },
};

/** `(words)1.2`, `word++`, `.blend(…)`. */
const weighted = /\)[\d+-]|\w[+-]{1,}(?:\s|,|$)|\)\.(?:blend|and|swap)\(/;

function modelName(model: unknown): string | undefined {
  if (typeof model !== "object" || model === null) return undefined;
  const { name, model_name } = model as Readonly<Record<string, unknown>>;
  const found = name ?? model_name;
  return typeof found === "string" ? found : undefined;
}

function positive<K extends string>(name: K, value: number | undefined): { [P in K]?: number } {
  return optional(name, value !== undefined && value > 0 ? value : undefined);
}
