/** What the factories of samplers check. */
import type { LevelOptions, Plan } from "../core/schedule.ts";

/** Number of steps that a sampler was asked for: outright, by a list of levels, or not at all. */
export function stepsOf(
  { steps, timesteps, sigmas }: Pick<LevelOptions, "timesteps" | "sigmas"> & { readonly steps?: number },
  otherwise: number,
): number {
  return steps ?? timesteps?.length ?? (typeof sigmas === "object" ? sigmas.length - 1 : otherwise);
}

/**
 * Refuses an eta, the share of fresh noise, that means nothing.
 *
 * @throws {RangeError} If it is not in 0 … 1.
 */
export function checkEta(sampler: string, eta: number): void {
  if (!(eta >= 0 && eta <= 1)) {
    throw new RangeError(
      `Cannot make the sampler "${sampler}": eta is ${eta}, expected a number from 0 to 1.`,
    );
  }
}

/**
 * The plan itself, for algorithms whose formulas hold where alpha² + sigma² = 1.
 *
 * @param when The option that wants it, where it is not the algorithm as a whole.
 * @throws {RangeError} If a level of it is another one, as those of rectified flow are.
 */
export function variancePreserving(sampler: string, plan: Plan, when = ""): Plan {
  for (const { from } of plan.transitions) {
    const variance = from.alpha ** 2 + from.sigma ** 2;
    if (Math.abs(variance - 1) < 1e-5) continue;
    throw new RangeError(
      `Cannot sample with "${sampler}"${when && ` ${when}`}: a level has alpha² + sigma² = ${
        variance.toPrecision(3)
      }, expected 1; ` +
        `on schedules of rectified flow use another sampler, such as "euler".`,
    );
  }
  return plan;
}
