/** What a model's `scheduler_config.json` decides: schedule and sampler. */
import { UnsupportedModelError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { Sampler } from "../core/sampler.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import {
  readScheduleConfig,
  readScheduleNumbers,
  type SchedulerConfig,
} from "../schedules/scheduler_config.ts";
import { createSampler } from "../samplers/create_sampler.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** The guidance scale that Stable Diffusion's authors used. */
const guidanceScale = 7.5;

/**
 * Schedule, sampler and guidance where the caller says nothing. A sampler that is not known is an error of the first run
 * that names none.
 *
 * @throws {UnsupportedModelError} If the schedule is of a kind that the SDK lacks.
 * @throws {RangeError | TypeError} If a field of the schedule is malformed.
 */
export function modelDefaults(
  scheduler: Json,
  { predictionType }: Pick<OpenModelOptions, "predictionType">,
): Pick<Model, "schedule" | "sampler" | "guidanceScale"> {
  const { schedule, sampler } = readDefaults(scheduler);
  if (schedule.kind === "flow" && predictionType !== undefined && predictionType !== "flow_prediction") {
    throw new RangeError(
      `Cannot open the model: its schedule is of rectified flow and predictionType is "${predictionType}", ` +
        `expected none or "flow_prediction".`,
    );
  }
  return {
    schedule: scheduleFrom(
      schedule.kind === "flow" || predictionType === undefined ? schedule : { ...schedule, predictionType },
    ),
    sampler,
    guidanceScale,
  };
}

interface Defaults extends Pick<SchedulerConfig, "schedule"> {
  readonly sampler: Sampler;
}

function readDefaults(scheduler: Json): Defaults {
  try {
    const { schedule, sampler } = readScheduleConfig(scheduler);
    return { schedule, sampler: createSampler(sampler.name, sampler.options) };
  } catch (error) {
    const schedule = readScheduleNumbers(scheduler);
    if (schedule === undefined) throw error;
    return { schedule, sampler: unknownSampler(String(scheduler["_class_name"]), error as Error) };
  }
}

/** Stands where a model's own sampler cannot be made; it takes no step. */
function unknownSampler(name: string, cause: Error): Sampler {
  const refuse = () => {
    throw new UnsupportedModelError(
      `Cannot sample with the model's own sampler. ${cause.message} Name a sampler to use the model with it.`,
      { cause },
    );
  };
  return {
    name,
    steps: 1,
    plan: refuse,
    async *sample() {
      yield refuse();
    },
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
