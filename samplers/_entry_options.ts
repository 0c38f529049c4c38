/** Options and costs that entries share. */
import type { OptionKind, SamplerEntry } from "./sampler_entry.ts";

export const SPACING: OptionKind = ["leading", "trailing", "linspace"];
export const TIMESTEPS: SamplerEntry["options"] = { steps: "number", spacing: SPACING, timesteps: "numbers" };
export const SIGMAS: SamplerEntry["options"] = {
  ...TIMESTEPS,
  sigmas: "sigmas",
  finalSigma: ["zero", "sigma_min"],
};
export const SOLVER: SamplerEntry["options"] = {
  ...SIGMAS,
  lambdaMinClipped: "number",
  solverType: ["midpoint", "heun"],
};
export const MULTISTEP: SamplerEntry["options"] = {
  ...SOLVER,
  order: [1, 2, 3],
  lowerOrderFinal: "boolean",
  eulerAtFinal: "boolean",
};
export const PREDICTS = ["x0", "epsilon"] as const;

export const ONCE = { perStep: 1, extra: 0 } as const;
export const TWICE = { perStep: 2, extra: -1 } as const;
