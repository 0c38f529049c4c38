/**
 * Error against network evaluations, for all samplers in one picture. The data are a mixture of Gaussians in the plane,
 * whose score is a formula, so that what is left is the sampler's own error. Solvers level off where the last step, from
 * the smallest trained level to no noise, is all that is left of it; distilled kinds show what they do without the
 * network that they are for.
 *
 * ```sh
 * deno run -A bench/samplers.ts samplers.svg
 * ```
 */
import type { Denoiser, Sampler } from "../core/sampler.ts";
import { runSampler } from "../pipeline/run_sampler.ts";
import type { NoiseLevel } from "../core/schedule.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import { torchNoise } from "../noise/torch_noise.ts";
import { type SamplerEntry, SAMPLERS } from "../samplers/registry.ts";
import { type Line, logLogChart } from "./samplers_chart.ts";

/** Points that follow the ODE, and points whose distribution is compared. */
const POINTS = 256;
const CLOUD = 4096;
const BUDGETS = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/** Five blobs on a circle, of different size. */
const BLOBS = Array.from({ length: 5 }, (_, i) => ({
  mean: [Math.cos(2 * Math.PI * i / 5), Math.sin(2 * Math.PI * i / 5)] as const,
  deviation: 0.1 + 0.05 * i,
}));

/** Stable Diffusion's schedule; trailing, so that all samplers begin at the same level. */
const schedule = createSchedule({ timestepSpacing: "trailing" });

/** The mixture's posterior mean of x0 given one point of z. */
function posteriorMean([x, y]: readonly [number, number], { alpha, sigma }: NoiseLevel): [number, number] {
  const terms = BLOBS.map(({ mean: [a, b], deviation }) => {
    const variance = (alpha * deviation) ** 2 + sigma ** 2;
    const gain = alpha * deviation ** 2 / variance;
    const [dx, dy] = [x - alpha * a, y - alpha * b];
    return {
      log: -(dx ** 2 + dy ** 2) / (2 * variance) - Math.log(variance),
      at: [a + gain * dx, b + gain * dy],
    };
  });
  const largest = Math.max(...terms.map(({ log }) => log));
  const weights = terms.map(({ log }) => Math.exp(log - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (axis: number) => terms.reduce((sum, { at }, i) => sum + weights[i]! * at[axis]!, 0) / total;
  return [mean(0), mean(1)];
}

/** The best denoiser. */
const denoise: Denoiser = (z, level) => {
  const x0 = new Float32Array(z.data.length);
  for (let i = 0; i < x0.length; i += 2) x0.set(posteriorMean([z.data[i]!, z.data[i + 1]!], level), i);
  const epsilon = z.data.map((value, i) => (value - level.alpha * x0[i]!) / level.sigma);
  const raw = { data: epsilon, shape: z.shape };
  return Promise.resolve({ raw, x0: { data: x0, shape: z.shape }, epsilon: raw });
};

/** Where the probability flow ODE leads from the first level: Runge and Kutta's method in log σ, down to σ = 1e-4. */
function flow(start: Float32Array, from: NoiseLevel): Float64Array {
  const STEPS = 1000;
  const slope = (x: readonly [number, number], logSigma: number): [number, number] => {
    const sigma = Math.exp(logSigma);
    const alpha = 1 / Math.hypot(1, sigma);
    const x0 = posteriorMean([alpha * x[0], alpha * x[1]], { timestep: 0, alpha, sigma: alpha * sigma });
    return [x[0] - x0[0], x[1] - x0[1]]; // dx / d log σ = σ · epsilon
  };
  const top = Math.log(from.sigma / from.alpha);
  const h = (Math.log(1e-4) - top) / STEPS;
  const end = new Float64Array(start.length);
  for (let i = 0; i < start.length; i += 2) {
    let x: readonly [number, number] = [start[i]! / from.alpha, start[i + 1]! / from.alpha];
    const along = (k: readonly [number, number], part: number) =>
      [x[0] + part * k[0], x[1] + part * k[1]] as const;
    for (let step = 0; step < STEPS; step++) {
      const at = top + step * h;
      const k1 = slope(x, at);
      const k2 = slope(along(k1, h / 2), at + h / 2);
      const k3 = slope(along(k2, h / 2), at + h / 2);
      const k4 = slope(along(k3, h), at + h);
      x = [0, 1].map((a) => x[a]! + h / 6 * (k1[a]! + 2 * k2[a]! + 2 * k3[a]! + k4[a]!)) as [number, number];
    }
    end.set(x, i);
  }
  return end;
}

/** {@linkcode flow}, worked out once for each of the two scales that samplers begin with. */
function exactEnd(start: Float32Array, from: NoiseLevel): Float64Array {
  const known = ENDS.get(start[0]!) ?? flow(start, from);
  ENDS.set(start[0]!, known);
  return known;
}

const ENDS = new Map<number, Float64Array>();

/** Root mean square distance of pairs of points. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / (a.length / 2));
}

/** Sliced Wasserstein-2 distance of two sets of points of one size: sorted along each of 32 directions. */
function slicedWasserstein(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const DIRECTIONS = 32;
  const sorted = (points: ArrayLike<number>, angle: number) =>
    Float64Array.from(
      { length: points.length / 2 },
      (_, i) => Math.cos(angle) * points[2 * i]! + Math.sin(angle) * points[2 * i + 1]!,
    ).sort();
  let sum = 0;
  for (let k = 0; k < DIRECTIONS; k++) {
    const angle = Math.PI * k / DIRECTIONS;
    const [p, q] = [sorted(a, angle), sorted(b, angle)];
    sum += p.reduce((total, value, i) => total + (value - q[i]!) ** 2, 0) / p.length;
  }
  return Math.sqrt(sum / DIRECTIONS);
}

/** Points of the mixture itself, blob after blob. */
function exactPoints(seed: number): Float32Array {
  return torchNoise(seed).normal([CLOUD, 2]).data.map((value, i) => {
    const { mean, deviation } = BLOBS[Math.floor(i / 2) % BLOBS.length]!;
    return mean[i % 2]! + deviation * value;
  });
}

/** What one run costs, and how far it is from where it should be. */
interface Outcome {
  readonly evaluations: number;
  readonly error: number;
  readonly stochastic: boolean;
}

async function measure(sampler: Sampler): Promise<Outcome> {
  const few = await run(sampler, POINTS);
  if (!few.stochastic) return { ...few, error: distance(few.end, exactEnd(few.first.z, few.first.level)) };
  const many = await run(sampler, CLOUD);
  return { ...many, error: slicedWasserstein(many.end, exactPoints(3)) };
}

async function run(sampler: Sampler, points: number) {
  const asked: { z: Float32Array; level: NoiseLevel }[] = [];
  const source = torchNoise(2);
  let stochastic = false;
  const normal = (shape: readonly number[]) => {
    stochastic = true;
    return source.normal(shape);
  };
  const asking: Denoiser = (z, level) => {
    asked.push({ z: z.data, level });
    return denoise(z, level);
  };
  const noise = torchNoise(1).normal([points, 2]);
  let end = noise.data;
  for await (const { latent } of runSampler(sampler, asking, { noise }, { schedule, noise: { normal } })) {
    end = latent.data;
  }
  return { end, evaluations: asked.length, first: asked[0]!, stochastic };
}

/** A sampler at all budgets; Karras's σ where it can, for that is how people run it. */
async function line(
  { name, evaluations, options, create }: SamplerEntry,
): Promise<Line & { stochastic: boolean }> {
  const points: [number, number][] = [];
  let stochastic = false;
  for (const budget of BUDGETS) {
    const steps = Math.floor((budget - evaluations.extra) / evaluations.perStep);
    const allowed = options["steps"];
    if (typeof allowed === "object" && !allowed.includes(steps)) continue;
    if ("originalSteps" in options && steps > 50) continue;
    const outcome = await measure(
      create({ steps, ..."sigmas" in options && { sigmas: "karras", spacing: "linspace" } }),
    );
    points.push([outcome.evaluations, outcome.error]);
    stochastic = outcome.stochastic;
  }
  return { name, points, stochastic };
}

/** Measures all samplers and draws them. */
export async function samplersChart(): Promise<string> {
  const lines = await Promise.all(SAMPLERS.map(line));
  const noiseFloor = slicedWasserstein(exactPoints(3), exactPoints(4));
  return logLogChart({
    title: "Samplers on a mixture of five Gaussians, with the exact denoiser",
    x: "network evaluations",
    panels: [
      {
        title: "Deterministic samplers",
        y: "distance to the end of the ODE",
        lines: lines.filter(({ stochastic }) => !stochastic),
      },
      {
        title: "Samplers with fresh noise",
        y: "sliced Wasserstein distance to the data",
        lines: lines.filter(({ stochastic }) => stochastic),
        floor: { value: noiseFloor, name: "exact samples" },
      },
    ],
  });
}

if (import.meta.main) {
  const [path = "samplers.svg"] = Deno.args;
  await Deno.writeTextFile(path, await samplersChart());
  console.log(path);
}
