import assert from "node:assert/strict";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { addNoise } from "../core/parameterisation.ts";
import { firstStep } from "../core/run_sampler.ts";
import { createSchedule, noiseLevel, type ScheduleConfig } from "./ddpm.ts";
import { roundHalfToEven, spacedTimesteps } from "./spacing.ts";
import { readScheduleConfig } from "./scheduler_config.ts";
import { sigmaTransitions, solverTransitions } from "./_ddpm_levels.ts";

interface Cases {
  readonly betas: readonly { readonly name: string; readonly config: Record<string, unknown> }[];
  readonly add_noise: readonly {
    readonly name: string;
    readonly scheduler: string;
    readonly config: Record<string, unknown>;
    readonly timesteps?: readonly number[];
    readonly steps?: number;
    readonly indices?: readonly number[];
    readonly velocity?: boolean;
  }[];
}

const cases = await readJson<Cases>("schedulers/cases.json");
const fixture = await readFixture("schedulers/trajectories.safetensors");

for (const { name, config } of cases.betas) {
  Deno.test(`alphasCumprod of the "${name}" schedule are those of PyTorch`, () => {
    const { schedule } = readScheduleConfig({ _class_name: "DDIMScheduler", ...config });
    const { alphasCumprod } = createSchedule(schedule as ScheduleConfig);
    const expected = fixture.float32(`alphas_cumprod.${name}`).data;
    if (config["rescale_betas_zero_snr"] !== true) {
      assert.deepEqual(alphasCumprod, expected); // bit for bit
    } else {
      // PyTorch's vectorised square root is off by one unit in the last place here and there, and the way from
      // rescaled products to betas and back adds up such errors: 3.6e-7 at most.
      assert.ok(maxAbsDifference(alphasCumprod, expected) < 4e-7);
      assert.equal(alphasCumprod[999], 0);
    }
    // The betas themselves: 1 − ᾱ[t]/ᾱ[t − 1] loses the digits that ᾱ, near 1 or 0, has not: 1e-6.
    const betas = fixture.float32(`betas.${name}`).data;
    const derived = alphasCumprod.map((value, t) => 1 - value / (t === 0 ? 1 : alphasCumprod[t - 1]!));
    assert.ok(maxAbsDifference(derived, betas) < (config["rescale_betas_zero_snr"] ? 1e-5 : 1e-6));
  });
}

for (const { name, scheduler, config, timesteps, steps, indices, velocity } of cases.add_noise) {
  Deno.test(`addNoise is that of ${scheduler}`, () => {
    const schedule = createSchedule(
      readScheduleConfig({ _class_name: scheduler, ...config }).schedule as ScheduleConfig,
    );
    const transitions = scheduler.startsWith("Euler") ? sigmaTransitions : solverTransitions;
    const levels = timesteps?.map(schedule.at) ??
      indices!.map((index) => transitions(schedule, steps!)[index]!.from);
    assert.deepEqual(fixture.numbers(`add_noise.${name}.t`), levels.map(({ timestep }) => timestep));

    const [x0, noise] = ["x0", "noise"].map((part) => fixture.float32(`add_noise.${name}.${part}`));
    const noised = fixture.float32(`add_noise.${name}.noised`).data;
    const size = x0!.data.length;
    levels.forEach((level, i) => {
      // Euler's latents are x0 + σ·noise, of scale 1/α. Float32, summed in another order: 1e-6 of the result's scale.
      const scale = scheduler.startsWith("Euler") ? 1 / level.alpha : 1;
      const mine = addNoise(x0!, noise!, level).data.map((value) => value * scale);
      assert.ok(
        maxAbsDifference(mine, noised.subarray(i * size, (i + 1) * size)) < 1e-6 * Math.max(4, 4 * scale),
      );
      if (velocity) {
        const v = addNoise(noise!, x0!, { ...level, sigma: -level.sigma }).data; // α·noise − σ·x0
        const expected = fixture.float32(`add_noise.${name}.velocity`).data.subarray(
          i * size,
          (i + 1) * size,
        );
        assert.ok(maxAbsDifference(v, expected) < 4e-6);
      }
    });
  });
}

Deno.test("levels are variance preserving, and the final one is as setAlphaToOne says", () => {
  for (const setAlphaToOne of [true, false]) {
    const schedule = createSchedule({ setAlphaToOne });
    const { alpha, sigma, timestep } = schedule.at(-1);
    assert.equal(timestep, -1);
    assert.equal(alpha, setAlphaToOne ? 1 : schedule.at(0).alpha);
    assert.ok(Math.abs(alpha ** 2 + sigma ** 2 - 1) < 1e-15);
  }
  assert.deepEqual(noiseLevel(5, 0.25), { timestep: 5, alpha: 0.5, sigma: Math.sqrt(0.75) });
});

Deno.test("timesteps are spaced as in diffusers", () => {
  const leading = createSchedule({ stepsOffset: 1 });
  assert.deepEqual(spacedTimesteps(leading, 5), [801, 601, 401, 201, 1]);
  assert.deepEqual(spacedTimesteps(leading, 8, "trailing"), [999, 874, 749, 624, 499, 374, 249, 124]);
  assert.deepEqual(spacedTimesteps(leading, 3, "trailing"), [999, 666, 332]); // 333.33 - 1
  assert.deepEqual(spacedTimesteps(leading, 5, "linspace"), [999, 749, 500, 250, 0]); // 499.5 to the even 500
  assert.deepEqual(spacedTimesteps(leading, 1, "linspace"), [0]);
  assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfToEven), [0, 2, 2, 2, 3]);
});

Deno.test("strength leaves out whole steps, rounded as in diffusers", () => {
  assert.deepEqual([1, 0.6, 0.55, 0.05, 0].map((strength) => firstStep(10, strength)), [0, 4, 5, 10, 10]);
  for (const strength of [-0.1, 1.1, NaN]) assert.throws(() => firstStep(10, strength), RangeError);
});

Deno.test("numbers out of range are refused", () => {
  for (const trainTimesteps of [0, 1.5, NaN]) {
    assert.throws(() => createSchedule({ trainTimesteps }), RangeError);
  }
  for (const trainedBetas of [[0.1, -0.1], [1], [NaN]]) {
    assert.throws(() => createSchedule({ trainedBetas }), { name: "RangeError", message: /a beta is/ });
  }
  const schedule = createSchedule();
  for (const steps of [0, 1001, 2.5, NaN]) {
    assert.throws(() => spacedTimesteps(schedule, steps), {
      message: /expected a whole number from 1 to 1000/,
    });
  }
  assert.throws(() => schedule.at(1000), { message: /Timestep 1000 is not in the schedule/ });
  assert.throws(() => schedule.at(1.5), RangeError);
});
