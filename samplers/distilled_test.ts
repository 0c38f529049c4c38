/** What the samplers for distilled networks promise beyond the suite: diffusers has neither, so no reference exists. */
import assert from "node:assert/strict";
import { parameterise } from "../core/parameterisation.ts";
import { runSampler, type SamplerStep } from "../pipeline/run_sampler.ts";
import type { Denoiser } from "../core/sampler.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import type { Latent } from "../core/tensor.ts";
import { torchNoise } from "../noise/torch_noise.ts";
import { maxAbsDifference } from "../tests/_fixtures.ts";
import { SILENT } from "../tests/_sampling.ts";
import { ddim } from "./ddim.ts";
import { progressiveDistillation } from "./progressive_distillation.ts";
import { ufogen } from "./ufogen.ts";

const schedule = createSchedule();
const shape = [1, 4, 4, 4];
const start = { noise: torchNoise(1).normal(shape) };

/** A network that answers with a fixed function of its input. */
function network(asked: number[]): Denoiser {
  return (z, at) => {
    asked.push(at.timestep);
    const raw = { data: z.data.map((value) => 0.9 * value + 0.01), shape };
    return Promise.resolve(parameterise(raw, z, at, "epsilon"));
  };
}

async function collect(steps: AsyncIterable<SamplerStep>): Promise<SamplerStep[]> {
  const all: SamplerStep[] = [];
  for await (const step of steps) all.push(step);
  return all;
}

Deno.test("progressive distillation visits the student's grid and is DDIM on it", async () => {
  const grids = {
    1: [999],
    2: [999, 499],
    4: [999, 749, 499, 249],
    8: [999, 874, 749, 624, 499, 374, 249, 124],
  };
  for (const [steps, grid] of Object.entries(grids)) {
    const [asked, same]: [number[], number[]] = [[], []];
    const options = { schedule, noise: SILENT, steps: Number(steps) };
    const mine = await collect(runSampler(progressiveDistillation(), network(asked), start, options));
    const others = await collect(runSampler(ddim({ spacing: "trailing" }), network(same), start, options));
    assert.deepEqual(asked, grid);
    assert.deepEqual(mine.map(({ latent }) => latent.data), others.map(({ latent }) => latent.data));
  }
});

Deno.test("progressive distillation ends at x0, on schedules too that end with noise", async () => {
  const noisy = createSchedule({ setAlphaToOne: false });
  const steps = await collect(
    runSampler(progressiveDistillation(), network([]), start, { schedule: noisy, noise: SILENT }),
  );
  const { latent, x0, level } = steps.at(-1)!;
  assert.deepEqual(latent.data, x0.data);
  assert.deepEqual(level, { timestep: -1, alpha: 1, sigma: 0 });
});

Deno.test("progressive distillation refuses steps that it was not distilled to", async () => {
  for (const steps of [0, 3, 5, 50, 64, 1.5]) {
    assert.throws(() => progressiveDistillation({ steps }), {
      name: "RangeError",
      message:
        `Cannot sample a progressively distilled model in ${steps} steps: expected 1, 2, 4, 8, 16 or 32.`,
    });
  }
  const run = runSampler(progressiveDistillation(), network([]), start, {
    schedule,
    noise: SILENT,
    steps: 5,
  });
  await assert.rejects(run.next(), RangeError);
});

Deno.test("UFOGen visits the authors' timesteps", async () => {
  for (const [steps, grid] of [[1, [999]], [2, [999, 499]], [4, [999, 749, 499, 249]]] as const) {
    const asked: number[] = [];
    await collect(runSampler(ufogen({ steps }), network(asked), start, { schedule, noise: torchNoise(2) }));
    assert.deepEqual(asked, grid);
  }
  const run = runSampler(ufogen(), network([]), start, { schedule, noise: SILENT, steps: 1000 });
  await assert.rejects(run.next(), /in 1000 steps: expected a whole number from 1 to 999/);
});

Deno.test("one step of UFOGen is the product 14.648819 x − 14.614647 epsilon, and draws no noise", async () => {
  const epsilon: Latent = torchNoise(3).normal(shape);
  const denoise: Denoiser = (z, at) => Promise.resolve(parameterise(epsilon, z, at, "epsilon"));
  const [step] = await collect(runSampler(ufogen(), denoise, start, { schedule, noise: SILENT }));
  const expected = start.noise.data.map((x, i) => 14.648819 * x - 14.614647 * epsilon.data[i]!);
  assert.ok(maxAbsDifference(step!.latent.data, expected) < 1e-5); // factors of eight digits, values up to 50
});

Deno.test("UFOGen diffuses its x0 again with fresh noise, in the order of its steps", async () => {
  const steps = await collect(
    runSampler(ufogen({ steps: 4 }), network([]), start, { schedule, noise: torchNoise(2) }),
  );
  const noise = torchNoise(2);
  for (const { latent, x0, level } of steps.slice(0, -1)) {
    const fresh = noise.normal(shape).data;
    const expected = x0.data.map((value, i) => level.alpha * value + level.sigma * fresh[i]!);
    assert.ok(maxAbsDifference(latent.data, expected) < 1e-6);
  }
  assert.equal(steps.at(-1)!.latent, steps.at(-1)!.x0);
});
