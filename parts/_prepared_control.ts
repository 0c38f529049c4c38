/** What all controls have in common once they are bound to a picture: a window of steps, and others before them. */
import type { ControlStep, PreparedControl, Residuals } from "../core/parts.ts";
import { release, type ResidualAdder } from "./_residuals.ts";

/** What a {@linkcode preparedControl} is made of. */
export interface PreparedControlOptions {
  /** The steps in which it steers. */
  readonly window: readonly [start: number, end: number];
  /** Its own residuals for a step inside the window, which this function keeps and frees. */
  readonly compute: (step: ControlStep) => Promise<Residuals>;
  /** Adds other controls' residuals. */
  readonly adder: ResidualAdder;
  /** Frees what `compute` needs. */
  readonly dispose: () => void;
}

/** Puts a prepared control together. */
export function preparedControl(
  { window, compute, adder, dispose }: PreparedControlOptions,
): PreparedControl {
  let sums: Residuals = {};
  return {
    async residuals(step, base) {
      release(sums);
      sums = {};
      if (!isInside(step, window)) return base;
      const own = await compute(step);
      if (base === undefined) return own;
      sums = await adder.add(own, base);
      return { ...base, ...own, ...sums };
    },
    // deno-lint-ignore require-await -- an error in freeing rejects
    async [Symbol.asyncDispose]() {
      release(sums);
      sums = {};
      dispose();
    },
  };
}

/** As diffusers' `control_guidance_start` and `control_guidance_end`. */
function isInside({ index, steps }: ControlStep, [start, end]: readonly [number, number]): boolean {
  return index / steps >= start && (index + 1) / steps <= end;
}
