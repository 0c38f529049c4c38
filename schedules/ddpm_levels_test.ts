import assert from "node:assert/strict";
import { readFixture, readJson } from "../tests/_fixtures.ts";
import { createSchedule, type ScheduleConfig } from "./ddpm.ts";
import { readScheduleConfig } from "./scheduler_config.ts";
import { CLEAN, type NoiseLevel } from "../core/schedule.ts";
import {
  runTimesteps,
  sigmaTransitions,
  solverTransitions,
  strideTransitions,
  timestepTransitions,
} from "./_ddpm_levels.ts";
import { timestepOfSigma, trainingSigmas } from "./sigmas.ts";

const sigmaOf = ({ alpha, sigma }: NoiseLevel) => sigma / alpha;

interface Case {
  readonly name: string;
  readonly scheduler: string;
  readonly config: Record<string, unknown>;
  readonly set_timesteps: {
    readonly num_inference_steps?: number;
    readonly timesteps?: readonly number[];
    readonly sigmas?: readonly number[];
  };
}

const { cases } = await readJson<{ cases: readonly Case[] }>("schedulers/cases.json");
const fixture = await readFixture("schedulers/trajectories.safetensors");

const K_DIFFUSION = ["EulerDiscrete", "EulerAncestralDiscrete", "LMSDiscrete"];
const SOLVERS = ["DPMSolverMultistep", "DPMSolverSinglestep", "UniPCMultistep"];

for (const { name, scheduler, config, set_timesteps } of cases) {
  const family = scheduler.replace(/Scheduler$/, "");
  if (![...K_DIFFUSION, ...SOLVERS].includes(family) || name === "euler_log_linear") continue;
  Deno.test(`levels of ${name} are those of diffusers`, () => {
    const { schedule: numbers, sampler } = readScheduleConfig({ _class_name: scheduler, ...config });
    const { num_inference_steps, timesteps, sigmas } = set_timesteps;
    const steps = num_inference_steps ?? timesteps?.length ?? sigmas!.length - 1;
    const transitions = K_DIFFUSION.includes(family) ? sigmaTransitions : solverTransitions;
    const run = transitions(createSchedule(numbers as ScheduleConfig), steps, {
      ...sampler.options,
      ...timesteps && { timesteps },
      ...sigmas && { sigmas },
    });
    const expected = fixture.numbers(`${name}.timesteps`);
    run.forEach(({ from: { timestep } }, i) => {
      // float32 and, where log σ was interpolated in float32, about 1e-7 of log σ over its slope of 2e-3
      assert.ok(Math.abs(timestep - expected[i]!) < 2e-3, `timestep ${timestep}, expected ${expected[i]}`);
    });
    const levels = [...run.map(({ from }) => from), run[run.length - 1]!.to];
    fixture.numbers(`${name}.sigmas`).forEach((sigma, i) => {
      const mine = sigmaOf(levels[i]!); // 5e-6: zero terminal SNR, whose products differ by so much near the end
      assert.ok(Math.abs(mine - sigma) <= 5e-6 * sigma, `sigma ${mine}, expected ${sigma}`);
    });
    run.slice(1).forEach(({ from }, i) => assert.equal(from, run[i]!.to));
  });
}

const schedule = createSchedule({ stepsOffset: 1 });

Deno.test("given timesteps are used as they are", () => {
  const timesteps = [900, 500, 20];
  assert.deepEqual(runTimesteps(schedule, 3, { timesteps }), timesteps);
  const run = timestepTransitions(schedule, 3, { timesteps, final: CLEAN });
  assert.deepEqual(run.map(({ from, to }) => [from.timestep, to.timestep]), [[900, 500], [500, 20], [
    20,
    -1,
  ]]);
  assert.deepEqual(strideTransitions(schedule, 3, { timesteps })[2]!.to, schedule.at(-1));
  assert.deepEqual(solverTransitions(schedule, 3, { timesteps })[1]!.from.timestep, 500);
  assert.equal(sigmaTransitions(schedule, 1, { timesteps: [10.5] })[0]!.from.timestep, 10.5);
});

Deno.test("a stride goes ⌊T/N⌋ down, wherever the next step begins", () => {
  const run = strideTransitions(schedule, 15, { spacing: "linspace" });
  assert.deepEqual(run.slice(0, 2).map(({ from, to }) => [from.timestep, to.timestep]), [[999, 933], [
    928,
    862,
  ]]);
});

Deno.test("timesteps that do not descend, or are not the schedule's, are refused", () => {
  for (const timesteps of [[1, 2], [5, 5], [1000, 1], [5, -1], [NaN, 1]]) {
    for (const levels of [runTimesteps, sigmaTransitions, solverTransitions, strideTransitions]) {
      assert.throws(() => levels(schedule, 2, { timesteps }), {
        name: "RangeError",
        message: /that descend from 999 to 0/,
      });
    }
  }
  assert.throws(() => runTimesteps(schedule, 1, { timesteps: [1.5] }), /expected whole numbers/);
  assert.throws(
    () => runTimesteps(schedule, 3, { timesteps: [5, 1] }),
    /in 3 steps: 2 timesteps are given, expected 3/,
  );
  assert.throws(() => runTimesteps(schedule, 0, { timesteps: [] }), RangeError);
});

Deno.test("sigmas that do not descend are refused, and so are two ways of spacing", () => {
  for (const sigmas of [[1, 2, 0], [1, 1, 0], [Infinity, 1, 0], [1, 0.5, -1], [NaN, 1, 0]]) {
    assert.throws(() => sigmaTransitions(schedule, 2, { sigmas }), {
      name: "RangeError",
      message: /that descend to 0/,
    });
  }
  assert.throws(
    () => sigmaTransitions(schedule, 3, { sigmas: [1, 0] }),
    /in 3 steps: 2 sigmas are given, expected 4/,
  );
  assert.throws(
    () => sigmaTransitions(schedule, 1, { sigmas: "karras", timesteps: [5] }),
    /expected one of the two/,
  );
});

Deno.test("zero terminal SNR with epsilon prediction is refused where the run begins without signal", () => {
  const silent = createSchedule({ rescaleBetasZeroSnr: true });
  for (const levels of [sigmaTransitions, solverTransitions]) {
    assert.throws(() => levels(silent, 5, { spacing: "trailing" }), {
      name: "RangeError",
      message: /signal is zero/,
    });
    assert.equal(levels(silent, 5, { spacing: "leading" }).length, 5);
  }
  const v = createSchedule({ rescaleBetasZeroSnr: true, predictionType: "v_prediction" });
  assert.ok(Math.abs(sigmaOf(sigmaTransitions(v, 5, { spacing: "trailing" })[0]!.from) - 4096) < 1e-3);
});

Deno.test("the step count of solvers leaves room for one more", () => {
  assert.throws(() => solverTransitions(schedule, 1000), /from 1 to 999/);
  assert.throws(() => solverTransitions(schedule, 0), /from 1 to 999/);
});

Deno.test("a timestep is found again from its sigma", () => {
  const table = trainingSigmas(schedule);
  for (const t of [0, 1, 500, 998, 999]) {
    assert.ok(Math.abs(timestepOfSigma(table, table[t]!) - t) < 1e-3); // of a float32 logarithm
  }
  assert.equal(timestepOfSigma(table, 1e9), 999);
  assert.equal(timestepOfSigma(table, 0), 0);
});

Deno.test("an offset that leads out of the schedule is refused", () => {
  assert.throws(() => sigmaTransitions(schedule, 1000), /that descend from 999 to 0/);
  assert.throws(() => strideTransitions(schedule, 1000), /Timestep 1000 is not in the schedule/);
});
