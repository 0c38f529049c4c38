/** What suits Stable Diffusion XL where neither files nor caller say otherwise. */
import type { Json } from "../../core/json.ts";
import type { Model } from "../../core/model.ts";
import type { Components } from "../components.ts";

/** What every model of the family has. */
export const XL_DEFAULTS: Pick<Model, "guidanceScale" | "takes"> = {
  guidanceScale: 5,
  takes: ["prompt2", "negativePrompt2", "sizes"],
};

/** `scheduler_config.json` of the base model. */
export const XL_SCHEDULER: Json = {
  _class_name: "EulerDiscreteScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  interpolation_type: "linear",
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  steps_offset: 1,
  timestep_spacing: "leading",
  use_karras_sigmas: false,
};

/** Whether no negative prompt stands for zeros: what the model says, else yes, as diffusers reads single files. */
export function zerosRule({ index }: Components): boolean {
  return index === undefined || index["force_zeros_for_empty_prompt"] !== false;
}
