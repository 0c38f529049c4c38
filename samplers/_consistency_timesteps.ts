/** The timesteps of consistency-distilled models. */
import type { Schedule } from "../core/schedule.ts";

/**
 * `steps` of the timesteps that the teacher's solver of `originalSteps` steps visits, evenly by index, descending
 * from T − 1.
 *
 * @throws {RangeError} If `steps` is not a whole number from 1 to `originalSteps`.
 */
export function consistencyTimesteps({ last }: Schedule, steps: number, originalSteps: number): number[] {
  const T = last + 1;
  if (!Number.isInteger(originalSteps) || originalSteps < 1 || originalSteps > T) {
    throw new RangeError(
      `Cannot sample: originalSteps is ${originalSteps}, expected a whole number from 1 to ${T}.`,
    );
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > originalSteps) {
    throw new RangeError(
      `Cannot sample in ${steps} steps: expected a whole number from 1 to ${originalSteps}.`,
    );
  }
  const stride = Math.floor(T / originalSteps);
  return Array.from({ length: steps }, (_, i) => {
    const index = Math.floor(i * (originalSteps / steps));
    return (originalSteps - index) * stride - 1;
  });
}
