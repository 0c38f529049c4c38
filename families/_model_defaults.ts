/** What a model's `scheduler_config.json` decides: schedule and sampler. */
import type { Json } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** The guidance scale that Stable Diffusion's authors used. */
const guidanceScale = 7.5;

/** Schedule, sampler and guidance where the caller says nothing. */
export function modelDefaults(
  scheduler: Json,
  { predictionType }: Pick<OpenModelOptions, "predictionType">,
): Pick<Model, "schedule" | "sampler" | "guidanceScale"> {
  const { schedule, sampler } = readScheduleConfig(scheduler);
  return {
    schedule: createSchedule({ ...schedule, ...predictionType !== undefined && { predictionType } }),
    sampler: createSampler(sampler.name, sampler.options),
    guidanceScale,
  };
}

/** `scheduler_config.json` of Stable Diffusion's own sampler, for models that come without one. */
export const STABLE_DIFFUSION_SCHEDULER: Json = {
  _class_name: "DDIMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  clip_sample: false,
  set_alpha_to_one: false,
  steps_offset: 1,
};
