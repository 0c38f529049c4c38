/**
 * From the numbers that a file gives to a schedule, of whichever kind.
 *
 * @module
 */
import type { Schedule } from "../core/schedule.ts";
import type { FlowConfig } from "./_flow_config.ts";
import { createSchedule, type ScheduleConfig } from "./ddpm.ts";
import { createFlowSchedule, linearMu } from "./flow.ts";

/** Options of {@linkcode scheduleFrom}. */
export interface ScheduleFromOptions {
  /** Number of image tokens, which decides mu under a dynamic shift. */
  readonly tokens?: number;
  /** The mu of a dynamic shift itself, for models with a rule of their own. @default {linear in `tokens`} */
  readonly mu?: number;
}

/**
 * Makes the schedule that {@linkcode readScheduleConfig} has read.
 *
 * @throws {RangeError} If a number is out of its range, or a shift depends on the picture's size and it is not given.
 *
 * @example
 * ```ts
 * import { readScheduleConfig, scheduleFrom } from "@mobile-diffusion/sdk/schedules";
 * const { schedule } = readScheduleConfig({
 *   _class_name: "FlowMatchEulerDiscreteScheduler",
 *   use_dynamic_shifting: true,
 * });
 * console.log(scheduleFrom(schedule, { tokens: 1024 }).prediction); // flow_prediction
 * ```
 */
export function scheduleFrom(
  config: ScheduleConfig | FlowConfig,
  { tokens, mu }: ScheduleFromOptions = {},
): Schedule {
  if (config.kind !== "flow") return createSchedule(config);
  const { kind: _, dynamicShift, ...rest } = config;
  if (dynamicShift === undefined) return createFlowSchedule(rest);
  if (mu === undefined && tokens === undefined) {
    throw new RangeError(
      "Cannot make a schedule: its shift depends on the picture's size, expected the number of image tokens, or mu.",
    );
  }
  const { type, ...rule } = dynamicShift;
  return createFlowSchedule({ ...rest, dynamicShift: { type, mu: mu ?? linearMu(tokens!, rule) } });
}
