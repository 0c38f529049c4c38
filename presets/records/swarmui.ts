/**
 * Pictures of SwarmUI, which writes JSON with `sui_image_params` under `parameters` and runs ComfyUI.
 *
 * @module
 */
import { claimedSampler, COMFYUI_SAMPLERS } from "./_samplers.ts";
import { commonPrompt, parseObject, seedOf } from "./_json_texts.ts";
import { modelRemarks } from "./a1111.ts";
import { optional, Settings } from "./_settings.ts";
import { type Dialect, type Remark, unreadable } from "./request.ts";

/** The text under `parameters` that has `sui_image_params`. */
export const swarmui: Dialect = {
  name: "SwarmUI",
  recognises: ({ parameters }) => /^\s*\{/.test(parameters ?? "") && /"sui_image_params"/.test(parameters!),
  read({ parameters = "" }) {
    const { sui_image_params: params } = parseObject(parameters, "SwarmUI's text");
    if (typeof params !== "object" || params === null) {
      throw unreadable("SwarmUI's text has no settings", "them");
    }
    const given = new Settings(params as Readonly<Record<string, unknown>>);
    const steps = given.number("steps") ?? 20;
    const model = given.text("model");
    const texts = commonPrompt({
      prompt: given.text("prompt") ?? "",
      negativePrompt: given.text("negativeprompt") ?? "",
    }, /<[^<>]+>/g);
    const claimed = claimedSampler({
      table: COMFYUI_SAMPLERS,
      name: given.text("sampler") ?? "euler",
      steps,
      spacing: given.text("scheduler") ?? "normal",
    });
    const layer = given.number("clipstopatlayer") ?? -1;
    const options = {
      ...texts.options,
      ...claimed.options,
      steps,
      ...optional("guidance", given.number("cfgscale")),
      ...optional("seed", seedOf(given.text("seed"))),
      ...optional("width", given.number("width")),
      ...optional("height", given.number("height")),
      ...layer < -1 && { clipSkip: -layer - 1 },
      rng: "cpu" as const,
    };
    for (const nothing of ["swarm_version", "aspectratio", "images", "automaticvae"]) given.take(nothing);
    const left = given.rest();
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...claimed.remarks,
      ...texts.remarks,
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    return { writer: swarmui.name, options, remarks, ...optional("model", model) };
  },
};
