/**
 * What every sampler must do, as a list of checks for any test runner.
 *
 * The samplers run on data whose best denoiser is a formula: a point, where any consistent sampler is exact, and a
 * Gaussian, where the solution of the probability flow ODE and the distribution at every level are known. On the
 * point z = α·x0 + σ·epsilon holds after each step with the same epsilon, or a fresh one of variance 1. On the
 * Gaussian N(m, s²) the ODE keeps (z − α·m) / √(α²s² + σ²), and the SDE keeps its distribution.
 *
 * @example
 * ```ts
 * import { ddim } from "@mobile-diffusion/sdk/samplers";
 * import { samplerChecks } from "@mobile-diffusion/sdk/testing";
 *
 * for (const { name, run } of samplerChecks({ name: "ddim", kind: "ode", create: (steps) => ddim({ steps }) })) {
 *   await run(); // or Deno.test(name, run), it(name, run), …
 * }
 * ```
 *
 * @module
 */
import {
  determinism,
  evaluations,
  inputs,
  replacedLatents,
  signals,
  startFromPicture,
} from "./_sampler_contract.ts";
import { convergence, moments, pointMass } from "./_sampler_numerics.ts";
import type { Sampler } from "../core/sampler.ts";

/** A sampler under test. */
export interface SamplerSuiteOptions {
  /** How the checks call it. */
  readonly name: string;
  /** Makes the sampler for a number of steps; the checks ask for `steps`, and, of solvers, for 20 to 100. */
  create(steps: number): Sampler;
  /**
   * What it is: a solver of the probability flow ODE, which draws no noise; a sampler of the SDE, fresh noise and
   * all; or one for distilled networks, which relies on the network to jump to x0.
   */
  readonly kind: "ode" | "sde" | "distilled";
  /** Order at which an ODE solver converges. @default {1} */
  readonly order?: number;
  /** Network evaluations of n steps: `perStep · n + extra`. @default {one a step} */
  readonly evaluations?: { readonly perStep: number; readonly extra: number };
  /** Number of steps for the checks that need no particular one. @default {8} */
  readonly steps?: number;
  /** Checks to leave out, by their names without the sampler's, each with its reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

/** One thing that a sampler must do. */
export interface SamplerCheck {
  /** The sampler's name and the property. */
  readonly name: string;
  /** Passes, or throws an error that says what is wrong. */
  run(): Promise<void>;
}

/** A property and its check. */
export type Property = readonly [
  name: string,
  check: (suite: Required<SamplerSuiteOptions>) => Promise<void>,
];

/** The checks that apply to a sampler. */
export function samplerChecks(options: SamplerSuiteOptions): SamplerCheck[] {
  const suite = { order: 1, evaluations: { perStep: 1, extra: 0 }, steps: 8, skip: [], ...options };
  const properties: Property[] = [
    ["is exact on a point and leaves each level's noise", pointMass],
    ...suite.kind === "ode"
      ? [[`converges at order ${suite.order} on a Gaussian`, convergence] as const]
      : [],
    ...suite.kind === "sde" ? [["reaches the mean and the variance of a Gaussian", moments] as const] : [],
    ["gives the same for the same noise and keeps no state", determinism],
    ["asks the network as often as it says", evaluations],
    ["stops before the next evaluation when its signal fires", signals],
    ["goes on from a latent that it is handed", replacedLatents],
    ["starts from a picture at the level of its strength", startFromPicture],
    ["leaves its inputs as they were", inputs],
  ];
  const left = new Set(suite.skip.flatMap(({ tests }) => tests));
  for (const [property] of properties) left.delete(property);
  if (left.size > 0) throw new RangeError(`Cannot skip "${[...left].join('", "')}": there is no such check.`);
  return properties
    .filter(([property]) => !suite.skip.some(({ tests }) => tests.includes(property)))
    .map(([property, check]) => ({ name: `${suite.name} ${property}`, run: () => check(suite) }));
}

/** Hands all checks to a test runner's function, such as `Deno.test` or `it`. */
export function testSampler(
  options: SamplerSuiteOptions,
  test: (name: string, run: () => Promise<void>) => void,
): void {
  for (const { name, run } of samplerChecks(options)) test(name, run);
}
