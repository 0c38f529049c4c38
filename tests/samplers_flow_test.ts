/**
 * Rectified flow: whole loops of diffusers 0.42.1 (`tests/data/flow`: FlowMatchEuler, DPM-Solvers and UniPC with flow
 * sigmas), and the order at which each sampler converges on a Gaussian.
 */
import assert from "node:assert/strict";
import { runSampler, type SamplerStart } from "../core/run_sampler.ts";
import { parameterise } from "../core/parameterisation.ts";
import type { Denoiser, Sampler } from "../core/sampler.ts";
import type { NoiseLevel } from "../core/schedule.ts";
import { torchNoise } from "../core/torch_noise.ts";
import { createSampler, ddim } from "../samplers/mod.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { createFlowSchedule } from "../schedules/flow.ts";
import { scheduleFrom } from "../schedules/schedule_from.ts";
import { readScheduleConfig } from "../schedules/scheduler_config.ts";
import { maxAbsDifference, readFixture, readJson } from "./_fixtures.ts";
import { SILENT } from "./_sampling.ts";

interface Case {
  readonly name: string;
  readonly scheduler: string;
  readonly config_given: Readonly<Record<string, unknown>>;
  readonly set_timesteps: {
    readonly num_inference_steps?: number;
    readonly sigmas?: readonly number[];
    readonly timesteps?: readonly number[];
    readonly mu?: number;
  };
  readonly init_seed: number;
  readonly step_generator_seed: number;
  readonly start_index: number;
  readonly timesteps: readonly number[];
  readonly max_abs_sample: number;
}

const { cases } = await readJson<{ cases: readonly Case[] }>("../data/flow/cases.json");
const fixture = await readFixture("../data/flow/trajectories.safetensors");
assert.equal(cases.length, 45);

for (const trajectory of cases) {
  Deno.test(`${trajectory.name}: the whole loop of diffusers`, async () => {
    const { name, timesteps, start_index: first, max_abs_sample: largest } = trajectory;
    const { sampler, schedule } = settings(trajectory);
    const samples = rowsOf(`${name}.samples`);
    const outputs = rowsOf(`${name}.model_outputs`);
    let calls = 0;
    const denoise: Denoiser = (z, at) => {
      assert.ok(
        Math.abs(at.timestep - timesteps[first + calls]!) < 2e-3,
        `timestep ${at.timestep}, expected ${timesteps[first + calls]}`,
      );
      return Promise.resolve(parameterise(outputs(calls++), z, at, schedule.prediction));
    };
    const noise = torchNoise(trajectory.step_generator_seed);
    for await (const { latent } of runSampler(sampler, denoise, startOf(trajectory), { schedule, noise })) {
      const off = maxAbsDifference(latent.data, samples(calls).data);
      assert.ok(off <= 2e-5 * largest, `sample ${calls}: ${off} off, allowed ${2e-5 * largest}`);
    }
    assert.equal(calls, timesteps.length - first);
  });
}

/** Schedule and sampler, as the scheduler's configuration alone says. */
function settings({ scheduler, config_given: given, set_timesteps: set }: Case) {
  const read = readScheduleConfig({ _class_name: scheduler, ...given });
  const { sigmas, timesteps, num_inference_steps: steps = (sigmas ?? timesteps)!.length, mu } = set;
  const levels = { sigmas: sigmas === undefined ? undefined : [...sigmas, 0], timesteps };
  return {
    schedule: scheduleFrom(read.schedule, mu === undefined ? {} : { mu }),
    sampler: createSampler(read.sampler.name, { ...read.sampler.options, steps, ...levels }),
  };
}

function startOf({ name, init_seed, start_index: first, timesteps }: Case): SamplerStart {
  if (first === 0) return { noise: torchNoise(init_seed).normal([1, 4, 4, 4]) };
  const strength = (timesteps.length - first + 0.5) / timesteps.length;
  return { noise: fixture.float32(`${name}.noise`), image: fixture.float32(`${name}.x0`), strength };
}

function rowsOf(name: string) {
  const { data, shape: [count, ...shape] } = fixture.float32(name);
  const size = data.length / count!;
  return (index: number) => ({ data: data.subarray(index * size, (index + 1) * size), shape });
}

const DATA = { mean: 0.8, deviation: 0.5 };
const spread = ({ alpha, sigma }: NoiseLevel) => Math.hypot(alpha * DATA.deviation, sigma);

/** The best denoiser of Gaussian data, by way of its velocity. */
const denoise: Denoiser = (z, at) => {
  const gain = at.alpha * (DATA.deviation / spread(at)) ** 2;
  const v = z.data.map((value) => {
    const x0 = DATA.mean + gain * (value - at.alpha * DATA.mean);
    return at.sigma === 0 ? 0 : (value - at.alpha * x0) / at.sigma - x0;
  });
  return Promise.resolve(parameterise({ data: v, shape: z.shape }, z, at, "flow_prediction"));
};

/** The largest error against the ODE's solution, (z − α·m)/spread being constant, at levels above σ = 0. */
async function odeError(sampler: Sampler, shift: number): Promise<number> {
  const start = { noise: torchNoise(1).normal([1, 32]) };
  const schedule = createFlowSchedule({ shift });
  let [at, largest]: [NoiseLevel | undefined, number] = [undefined, 0];
  const listening: Denoiser = (z, level) => denoise(z, at === undefined ? at = level : level);
  for await (
    const { latent, level } of runSampler(sampler, listening, start, { schedule, noise: SILENT })
  ) {
    const end = level.sigma === 0 ? undefined : level;
    if (end === undefined) assert.ok(latent.data.every(Number.isFinite));
    else {
      latent.data.forEach((value, i) => {
        const fixed = (start.noise.data[i]! - at!.alpha * DATA.mean) / spread(at!);
        const off = Math.abs(value - end.alpha * DATA.mean - spread(end) * fixed);
        if (!(off <= largest)) largest = off;
      });
    }
  }
  return largest;
}

const ORDERS: Readonly<Record<string, number>> = {
  ddim: 1,
  euler: 1,
  heun: 2,
  lms: 3,
  dpm2: 2,
  dpmpp_2m: 2,
  dpmpp_2s: 2,
  unipc: 3,
  deis: 2,
};

for (const [name, order] of Object.entries(ORDERS)) {
  for (const shift of [1, 3]) {
    Deno.test(`${name} converges at order ${order} under rectified flow with shift ${shift}`, async () => {
      const errors: number[] = [];
      for (const steps of [20, 40, 80]) {
        // Even in λ, the variable in which solvers have their order, from −4 to 4; a shift moves all of them.
        const sigmas = Array.from({ length: steps }, (_, i) => 1 / (1 + Math.exp(8 * i / (steps - 1) - 4)));
        const levels = name === "ddim" ? {} : { sigmas: [...sigmas, 0] };
        errors.push(await odeError(createSampler(name, { steps, ...levels }), shift));
      }
      const measured = Math.log2(errors[1]! / errors[2]!);
      if (Deno.env.get("SHOW")) console.log(name, shift, errors, measured);
      assert.ok(measured > order - 0.35, `errors ${errors}: order ${measured.toFixed(2)}, expected ${order}`);
    });
  }
}

for (const name of ["euler_ancestral", "dpmpp_2m_sde"]) {
  for (const shift of [1, 3]) {
    Deno.test(`${name} reaches the moments under rectified flow with shift ${shift}`, async () => {
      const count = 2 ** 13;
      const estimate = async (steps: number) => {
        const start = { noise: torchNoise(1).normal([1, count]) };
        const options = { schedule: createFlowSchedule({ shift }), noise: torchNoise(2) };
        let data = start.noise.data;
        for await (const step of runSampler(createSampler(name, { steps }), denoise, start, options)) {
          data = step.latent.data;
        }
        const rest = data.map((value) => (value - DATA.mean) / DATA.deviation);
        const mean = rest.reduce((sum, value) => sum + value, 0) / count;
        return { mean, variance: rest.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count };
      };
      const [coarse, fine] = [await estimate(50), await estimate(100)]; // of first order: extrapolated
      const [mean, variance] = [2 * fine.mean - coarse.mean, 2 * fine.variance - coarse.variance];
      if (Deno.env.get("SHOW")) console.log(name, shift, mean, variance);
      assert.ok(Math.abs(mean) < 3 * Math.sqrt(5 / count), `mean ${mean}`);
      assert.ok(Math.abs(variance - 1) < 3 * Math.sqrt(10 / count), `variance ${variance}`);
    });
  }
}

Deno.test("every sampler gives numbers under rectified flow, or refuses in one sentence", async () => {
  const refused: string[] = [];
  for (const { name } of SAMPLERS) {
    const sampler = createSampler(name, { steps: 4 });
    const start = { noise: torchNoise(1).normal([1, 8]) };
    const options = { schedule: createFlowSchedule({ shift: 3 }), noise: torchNoise(2) };
    try {
      for await (const { latent } of runSampler(sampler, denoise, start, options)) {
        assert.ok(latent.data.every(Number.isFinite), name);
      }
    } catch (error) {
      assert.match((error as Error).message, new RegExp(`^Cannot sample with "${name}": .*rectified flow`));
      refused.push(name);
    }
  }
  assert.deepEqual(refused, ["ddpm", "pndm", "lcm", "tcd"]);
});

Deno.test("DDIM with fresh noise refuses rectified flow in one sentence", async () => {
  const options = { schedule: createFlowSchedule(), noise: torchNoise(2) };
  const run = runSampler(ddim({ eta: 0.5 }), denoise, { noise: torchNoise(1).normal([1, 8]) }, options);
  await assert.rejects(
    run.next(),
    /^RangeError: Cannot sample with "ddim" with eta above 0: .*rectified flow/,
  );
});

Deno.test("a plan whose noise rises is refused", async () => {
  const { plan, sample } = createSampler("euler", { steps: 4 });
  const rising: Sampler = {
    name: "rising",
    steps: 4,
    plan: (schedule, steps) => {
      const { transitions, startScale } = plan(schedule, steps);
      return {
        transitions: transitions.map(({ from, to }) => ({ from: to, to: from })).reverse(),
        startScale,
      };
    },
    sample,
  };
  const options = { schedule: createFlowSchedule(), noise: SILENT };
  const run = runSampler(rising, denoise, { noise: torchNoise(1).normal([1, 8]) }, options);
  await assert.rejects(
    run.next(),
    /^RangeError: Cannot sample with "rising".*expected levels whose noise falls/,
  );
});
