import assert from "node:assert/strict";
import { readScheduleConfig } from "../schedules/mod.ts";
import { createSampler } from "./create_sampler.ts";
import { SAMPLERS } from "./registry.ts";

Deno.test("every name and alias makes its sampler, with the list's number of steps", () => {
  const names = new Set<string>();
  for (const entry of SAMPLERS) {
    for (const name of [entry.name, ...entry.aliases]) {
      const sampler = createSampler(name);
      assert.equal(sampler.name, entry.name, name);
      assert.equal(sampler.steps, entry.steps, name);
    }
    assert.ok(!names.has(entry.name));
    names.add(entry.name);
    const { needs, meantFor } = createSampler(entry.name);
    assert.equal(needs ?? meantFor ?? "any", entry.weights);
  }
  assert.equal(names.size, 19);
});

Deno.test("names of A1111 and ComfyUI", () => {
  const known = {
    "Euler a": "euler_ancestral",
    "DPM++ 2M": "dpmpp_2m",
    "dpmpp_2m_sde": "dpmpp_2m_sde",
    "DPM++ 2M SDE Karras": "dpmpp_2m_sde",
    "DPM2 a Karras": "dpm2_ancestral",
    "dpm_2_ancestral": "dpm2_ancestral",
    "LMS Karras": "lms",
    "PLMS": "pndm",
    "UniPC": "unipc",
    "uni_pc": "unipc",
    "LCM": "lcm",
    "progressive-distillation": "progressive_distillation",
  };
  for (const [name, expected] of Object.entries(known)) {
    assert.equal(createSampler(name).name, expected, name);
  }
});

Deno.test("an unknown name proposes the nearest", () => {
  const nearest = {
    eular: "euler",
    dimm: "ddim",
    "dpmpp 2n": "dpmpp_2m",
    "ufo gen 2": "ufogen",
    heum: "heun",
  };
  for (const [name, expected] of Object.entries(nearest)) {
    assert.throws(() => createSampler(name), {
      name: "RangeError",
      message: new RegExp(`none of this name, did you mean "${expected}"\\? Expected one of ddim, `),
    });
  }
  assert.throws(() => createSampler("DDIM Karras"), /none of this name/); // it does not think in sigma
  assert.throws(() => createSampler(""), RangeError);
});

Deno.test("options are checked against the sampler's list", () => {
  assert.equal(createSampler("ddim", { steps: 7, eta: undefined }).steps, 7);
  assert.equal(createSampler("euler", { sigmas: [5, 2, 0] }).steps, 2);
  assert.equal(createSampler("ddim", { timesteps: [500, 2, 1] }).steps, 3);
  const refused: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ["euler", { eta: 1 }, "TypeError", /"euler": it has no option "eta", expected steps, spacing/],
    ["ddim", { toString: 1 }, "TypeError", /no option "toString"/],
    ["ddim", { eta: "1" }, "TypeError", /eta is "1", expected a number/],
    ["ddim", { eta: 1.5 }, "RangeError", /"ddim": eta is 1.5, expected a number from 0 to 1/],
    ["ddim", { eta: NaN }, "RangeError", /eta is NaN/],
    ["euler_ancestral", { eta: -1 }, "RangeError", /eta is -1/],
    ["tcd", { eta: 2 }, "RangeError", /eta is 2/],
    ["ddim", { spacing: "even" }, "RangeError", /spacing is "even", expected leading, trailing, linspace/],
    [
      "euler",
      { sigmas: "kerras" },
      "TypeError",
      /sigmas is "kerras", expected a list of numbers or one of karras/,
    ],
    ["dpmpp_2m", { order: 4 }, "RangeError", /order is 4, expected 1, 2, 3/],
    ["pndm", { skipPrkSteps: 1 }, "TypeError", /skipPrkSteps is 1, expected true or false/],
    ["progressive_distillation", { steps: 5 }, "RangeError", /steps is 5, expected 1, 2, 4, 8, 16, 32/],
  ];
  for (const [name, options, error, message] of refused) {
    assert.throws(() => createSampler(name, options), { name: error, message });
  }
});

Deno.test("every config that is read names a sampler and options that exist", () => {
  for (const { aliases } of SAMPLERS) {
    for (const _class_name of aliases.filter((alias) => alias.endsWith("Scheduler"))) {
      const { name, options } = readScheduleConfig({ _class_name }).sampler;
      assert.ok(createSampler(_class_name).name === createSampler(name, options).name);
    }
  }
});
