/**
 * Which of the training timesteps a run visits.
 *
 * @module
 */
import type { TimestepSpacing } from "../core/schedule.ts";
import type { DdpmSchedule } from "./ddpm.ts";

/**
 * The timesteps of a run of `steps` steps, descending, as diffusers chooses them.
 *
 * @throws {RangeError} If `steps` is not a whole number from 1 to T.
 */
export function spacedTimesteps(
  { config }: DdpmSchedule,
  steps: number,
  spacing: TimestepSpacing = config.timestepSpacing,
): number[] {
  const { trainTimesteps: T, stepsOffset } = config;
  if (!Number.isInteger(steps) || steps < 1 || steps > T) {
    throw new RangeError(`Cannot sample in ${steps} steps: expected a whole number from 1 to ${T}.`);
  }
  switch (spacing) {
    case "leading": {
      const stride = Math.floor(T / steps);
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + stepsOffset);
    }
    case "trailing":
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(T - i * (T / steps)) - 1);
    case "linspace": {
      const stride = steps === 1 ? 0 : (T - 1) / (steps - 1);
      return Array.from({ length: steps }, (_, i) => roundHalfToEven((steps - 1 - i) * stride));
    }
  }
}

/** Rounds to the nearest whole number, halves to the even one, as NumPy does. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
