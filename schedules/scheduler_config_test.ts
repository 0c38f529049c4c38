import assert from "node:assert/strict";
import { readJson } from "../tests/_fixtures.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { ScheduleConfig } from "./ddpm.ts";
import { scheduleFrom } from "./schedule_from.ts";
import { readScheduleConfig } from "./scheduler_config.ts";

const FOLDERS = {
  "sd15-tiny": "ddim",
  "sd2-tiny": "ddim",
  "small4-tiny": "pndm",
  "lcm-tiny": "lcm",
};

/** Of a class that is not of rectified flow. */
const numbersOf = (json: unknown) => readScheduleConfig(json).schedule as ScheduleConfig;

Deno.test("published configs name their sampler", async () => {
  for (const [folder, name] of Object.entries(FOLDERS)) {
    const json = await readJson<unknown>(`pipelines/${folder}/scheduler/scheduler_config.json`);
    assert.equal(readScheduleConfig(json).sampler.name, name);
  }
});

Deno.test("the numbers of a Stable Diffusion 2 config", async () => {
  const json = await readJson<unknown>("pipelines/sd2-tiny/scheduler/scheduler_config.json");
  assert.deepEqual(readScheduleConfig(json), {
    schedule: {
      trainTimesteps: 1000,
      betaStart: 0.00085,
      betaEnd: 0.012,
      betaSchedule: "scaled_linear",
      predictionType: "v_prediction",
      timestepSpacing: "trailing",
      stepsOffset: 1,
      setAlphaToOne: false,
      rescaleBetasZeroSnr: true,
    },
    sampler: { name: "ddim", options: {} },
  });
});

Deno.test("absent fields have the default of their class", () => {
  const ddim = numbersOf({ _class_name: "DDIMScheduler" });
  assert.equal(ddim.clipSampleRange, 1);
  assert.equal(ddim.betaSchedule, "linear");
  assert.equal(ddim.timestepSpacing, "leading");
  const euler = numbersOf({ _class_name: "EulerDiscreteScheduler" });
  assert.equal(euler.clipSampleRange, undefined);
  assert.equal(euler.timestepSpacing, "linspace");
  const lcm = numbersOf({ _class_name: "LCMScheduler", trained_betas: null });
  assert.deepEqual([lcm.betaStart, lcm.betaEnd, lcm.betaSchedule], [0.00085, 0.012, "scaled_linear"]);
  assert.equal(numbersOf({ _class_name: "PNDMScheduler" }).setAlphaToOne, false);
});

Deno.test("options of the sampler", () => {
  const samplerOf = (json: Record<string, unknown>) => readScheduleConfig(json).sampler;
  const multistep = { _class_name: "DPMSolverMultistepScheduler" };
  assert.deepEqual(samplerOf({ ...multistep, use_karras_sigmas: true, lambda_min_clipped: "-inf" }), {
    name: "dpmpp_2m",
    options: { sigmas: "karras" },
  });
  assert.deepEqual(samplerOf({ ...multistep, algorithm_type: "sde-dpmsolver++", solver_order: 1 }), {
    name: "dpmpp_2m_sde",
    options: { order: 1 },
  });
  assert.deepEqual(
    samplerOf({ ...multistep, algorithm_type: "dpmsolver", solver_type: "heun", euler_at_final: true }),
    {
      name: "dpmpp_2m",
      options: { predicts: "epsilon", solverType: "heun", eulerAtFinal: true },
    },
  );
  assert.deepEqual(samplerOf({ _class_name: "PNDMScheduler", skip_prk_steps: true }).options, {
    skipPrkSteps: true,
  });
  assert.deepEqual(
    samplerOf({ _class_name: "UniPCMultistepScheduler", solver_type: "bh1", predict_x0: false }).options,
    {
      predicts: "epsilon",
      solverType: "bh1",
    },
  );
  const clipped = {
    _class_name: "DDIMScheduler",
    clip_sample: true,
    clip_sample_range: 2,
    thresholding: true,
  };
  assert.deepEqual(numbersOf(clipped).thresholding, { ratio: 0.995, maxValue: 1 });
  assert.equal(numbersOf(clipped).clipSampleRange, 2);
});

Deno.test("fields that do not matter are ignored", () => {
  const json = {
    _class_name: "DDIMScheduler",
    _diffusers_version: "0.6.0",
    some_field: [1],
    solver_order: "two",
  };
  assert.equal(readScheduleConfig(json).sampler.name, "ddim");
});

Deno.test("what is no config, and impossible values, are refused by name", () => {
  const _class_name = "EulerDiscreteScheduler";
  for (const json of [null, 5, "x", [], undefined]) {
    assert.throws(() => readScheduleConfig(json), { name: "TypeError", message: /not a JSON object/ });
  }
  const refused: readonly [Record<string, unknown>, string, RegExp][] = [
    [{ beta_schedule: "square" }, "RangeError", /beta_schedule is "square", expected linear, scaled_linear/],
    [
      { prediction_type: "noise" },
      "RangeError",
      /prediction_type is "noise", expected epsilon, sample, v_pred/,
    ],
    [{ timestep_spacing: "log" }, "RangeError", /timestep_spacing is "log"/],
    [{ beta_start: "0.1" }, "TypeError", /beta_start is "0.1", expected a finite number/],
    [{ clip_sample: "no" }, "TypeError", /clip_sample is "no", expected true or false/],
    [{ trained_betas: [1, "2"] }, "TypeError", /trained_betas .* expected a list of numbers/],
    [
      { use_karras_sigmas: true, use_beta_sigmas: true },
      "RangeError",
      /use_karras_sigmas and use_beta_sigmas/,
    ],
    [{ use_flow_sigmas: true }, "UnsupportedModelError", /use_flow_sigmas is true, expected false/],
    [{ timestep_type: "continuous" }, "UnsupportedModelError", /timestep_type is "continuous"/],
    [{ interpolation_type: "log_linear" }, "UnsupportedModelError", /interpolation_type is "log_linear"/],
  ];
  for (const [fields, name, message] of refused) {
    assert.throws(() => readScheduleConfig({ _class_name, ...fields }), { name, message });
  }
  for (const name of ["FlowMatchLCMScheduler", "constructor", undefined]) {
    assert.throws(() => readScheduleConfig({ _class_name: name }), UnsupportedModelError);
  }
  const sde = { _class_name: "DPMSolverMultistepScheduler", algorithm_type: "sde-dpmsolver" };
  assert.throws(() => readScheduleConfig(sde), UnsupportedModelError);
});

Deno.test("configs of rectified flow are read, whatever their class", () => {
  const read = (json: Record<string, unknown>) => readScheduleConfig(json);
  const stochastic = { _class_name: "FlowMatchEulerDiscreteScheduler", shift: 3, stochastic_sampling: true };
  assert.deepEqual(read(stochastic), {
    schedule: { kind: "flow", trainTimesteps: 1000, shift: 3 },
    sampler: { name: "euler", options: { stochastic: true } },
  });
  const solver = { use_flow_sigmas: true, prediction_type: "flow_prediction", flow_shift: 2 };
  assert.deepEqual(read({ _class_name: "UniPCMultistepScheduler", ...solver }).schedule, {
    kind: "flow",
    trainTimesteps: 1000,
    shift: 2,
    solverLevels: "unipc",
  });
  assert.throws(() => read({ _class_name: "UniPCMultistepScheduler", use_flow_sigmas: true }), {
    name: "UnsupportedModelError",
    message: /prediction_type is .*expected "flow_prediction"/,
  });
});

Deno.test("a shift that depends on the picture's size is known with the size", () => {
  const { schedule } = readScheduleConfig({
    _class_name: "FlowMatchEulerDiscreteScheduler",
    use_dynamic_shifting: true,
    max_shift: 1.16,
  });
  assert.throws(() => scheduleFrom(schedule), /expected the number of image tokens/);
  const sigmas = (options: { tokens?: number; mu?: number }) =>
    scheduleFrom(schedule, options).plan("sigmas", 4).transitions.map(({ from }) => from.sigma);
  assert.deepEqual(sigmas({ tokens: 1024 }), sigmas({ mu: 0.5 + 768 * 0.66 / 3840 }));
  assert.notDeepEqual(sigmas({ tokens: 4096 }), sigmas({ tokens: 1024 }));
});

Deno.test("time that runs the other way is another telling of the same levels", () => {
  const plan = (invert: boolean) =>
    scheduleFrom(
      readScheduleConfig({ _class_name: "FlowMatchEulerDiscreteScheduler", invert_sigmas: invert }).schedule,
    ).plan("sigmas", 5).transitions;
  const [forward, back] = [plan(false), plan(true)];
  assert.deepEqual(back.map(({ from }) => from.sigma), forward.map(({ from }) => from.sigma));
  back.forEach(({ from }, i) => assert.ok(Math.abs(from.timestep - 1000 + forward[i]!.from.timestep) < 1e-3));
});
