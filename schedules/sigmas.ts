/**
 * Noise as a standard deviation: σ = √((1 − ᾱ) / ᾱ), the noise on a clean latent of scale 1 (Karras et al. 2022,
 * "Elucidating the Design Space of Diffusion-Based Generative Models"). Many samplers think in it, and people
 * space their steps in it.
 *
 * @module
 */
import type { NoiseLevel, SigmaSpacing } from "../core/schedule.ts";
import type { DdpmSchedule } from "./ddpm.ts";

/** σ at every training timestep, `[T]`, ascending, in float32 as PyTorch has it. */
export function trainingSigmas({ alphasCumprod }: DdpmSchedule): Float32Array {
  return alphasCumprod.map((value) => {
    const alphaCumprod = Math.max(value, 2 ** -24); // under zero terminal SNR diffusers stops at σ = 4096
    return Math.sqrt(Math.fround(Math.fround(1 - alphaCumprod) / alphaCumprod));
  });
}

/**
 * σ of `steps` steps, descending from `max` to `min`, both included.
 *
 * @example
 * ```ts
 * import { spacedSigmas } from "@mobile-diffusion/sdk/schedules";
 * spacedSigmas("karras", { min: 0.03, max: 14.6, steps: 10 });
 * ```
 */
export function spacedSigmas(
  spacing: SigmaSpacing,
  { min, max, steps }: { readonly min: number; readonly max: number; readonly steps: number },
): number[] {
  const ramp = Array.from({ length: steps }, (_, i) => steps === 1 ? 0 : i / (steps - 1));
  const mix = (from: number, to: number, part: number) => from + part * (to - from);
  switch (spacing) {
    case "karras": {
      const rho = 7;
      return ramp.map((part) => mix(max ** (1 / rho), min ** (1 / rho), part) ** rho);
    }
    case "exponential":
    case "lu":
      return ramp.map((part) => Math.exp(mix(Math.log(max), Math.log(min), part)));
    case "beta":
      return ramp.map((part) => mix(min, max, betaQuantile(1 - part, 0.6)));
  }
}

/** The inverse of {@linkcode trainingSigmas}: a fractional timestep, by interpolation in log σ. */
export function timestepOfSigma(sigmas: Float32Array, sigma: number): number {
  const logs = sigmas.map(Math.log);
  const target = Math.log(Math.max(sigma, 1e-10));
  const above = logs.findIndex((log) => log > target);
  const low = Math.max(above === -1 ? logs.length - 2 : above - 1, 0);
  const part = (target - logs[low]!) / (logs[low + 1]! - logs[low]!);
  return low + Math.min(Math.max(part, 0), 1);
}

/** The variance-preserving level of a σ. */
export function sigmaLevel(timestep: number, sigma: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(1 + sigma ** 2);
  return { timestep, alpha, sigma: sigma * alpha };
}

/** The x with P(X ≤ x) = p for X ~ Beta(a, a), by bisection: 60 halvings reach the end of float64. */
function betaQuantile(p: number, a: number): number {
  if (p > 0.5) return 1 - betaQuantile(1 - p, a); // the density is symmetric
  const half = incompleteBeta(0.5, a);
  let [low, high] = [0, 0.5];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a) < 2 * p * half) low = middle;
    else high = middle;
  }
  return low;
}

/** ∫₀ˣ (u − u²)^(a−1) du for x ≤ ½, by its power series: x^a Σ (1 − a)ₙ xⁿ / (n! (a + n)). */
function incompleteBeta(x: number, a: number): number {
  let term = 1;
  let sum = 0;
  for (let n = 0; n < 60; n++) {
    sum += term / (a + n);
    term *= (1 - a + n) / (n + 1) * x;
  }
  return x ** a * sum;
}
