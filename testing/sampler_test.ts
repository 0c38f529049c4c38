/** All samplers of the SDK pass the suite, and samplers with one mistake each fail the check for it. */
import assert from "node:assert/strict";
import type { Sampler } from "../core/sampler.ts";
import { ddim } from "../samplers/ddim.ts";
import { dpm2Ancestral } from "../samplers/dpm2_ancestral.ts";
import { dpmpp2m } from "../samplers/dpmpp_2m.ts";
import { dpmpp2mSde } from "../samplers/dpmpp_2m_sde.ts";
import { euler } from "../samplers/euler.ts";
import { eulerAncestral } from "../samplers/euler_ancestral.ts";
import { pndm } from "../samplers/pndm.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { ufogen } from "../samplers/ufogen.ts";
import { unipc } from "../samplers/unipc.ts";
import { weightedSum } from "../samplers/weighted_sum.ts";
import { samplerChecks, type SamplerSuiteOptions, testSampler } from "./sampler.ts";

/** What each of the SDK's samplers is; order 1 where none stands. UniPC's corrector adds one to its order. */
const KINDS: Readonly<Record<string, Pick<SamplerSuiteOptions, "kind" | "order">>> = {
  ddim: { kind: "ode" },
  progressive_distillation: { kind: "distilled" },
  ufogen: { kind: "distilled" },
  ddpm: { kind: "sde" },
  euler: { kind: "ode" },
  euler_ancestral: { kind: "sde" },
  heun: { kind: "ode", order: 2 },
  lms: { kind: "ode", order: 3 },
  dpm2: { kind: "ode", order: 2 },
  dpm2_ancestral: { kind: "sde" },
  dpmpp_2m: { kind: "ode", order: 2 },
  dpmpp_2m_sde: { kind: "sde" },
  dpmpp_3m_sde: { kind: "sde" },
  dpmpp_2s: { kind: "ode", order: 2 },
  deis: { kind: "ode", order: 2 },
  unipc: { kind: "ode", order: 3 },
  pndm: { kind: "ode", order: 2 },
  lcm: { kind: "distilled" },
  tcd: { kind: "distilled" },
};

for (const { name, evaluations, create } of SAMPLERS) {
  testSampler({ name, create: (steps) => create({ steps }), evaluations, ...KINDS[name]! }, Deno.test);
}

const variants: readonly SamplerSuiteOptions[] = [
  // diffusers' third-order term is half of Taylor's: order 3 only in name.
  { name: "dpmpp_2m of order 3", kind: "ode", order: 2, create: (steps) => dpmpp2m({ steps, order: 3 }) },
  { name: "ddim with eta 1", kind: "sde", create: (steps) => ddim({ steps, eta: 1 }) },
  {
    name: "dpm2_ancestral with eta 0.5",
    kind: "sde",
    create: (steps) => dpm2Ancestral({ steps, eta: 0.5 }),
    evaluations: { perStep: 2, extra: -1 },
  },
  { name: "dpmpp_2m of order 1", kind: "ode", create: (steps) => dpmpp2m({ steps, order: 1 }) },
  {
    name: "dpmpp_2m over epsilon",
    kind: "ode",
    order: 2,
    create: (steps) => dpmpp2m({ steps, predicts: "epsilon" }),
  },
  {
    name: "dpmpp_2m_sde of Heun's kind",
    kind: "sde",
    create: (steps) => dpmpp2mSde({ steps, solverType: "heun" }),
  },
  { name: "unipc of order 3", kind: "ode", order: 4, create: (steps) => unipc({ steps, order: 3 }) },
  { name: "euler with Karras's sigmas", kind: "ode", create: (steps) => euler({ steps, sigmas: "karras" }) },
  {
    name: "euler with churn",
    kind: "sde",
    create: (steps) => euler({ steps, churn: 2 }),
    skip: [{
      reason:
        "as in diffusers the network is asked before the noise is added, so that it cannot take it away",
      tests: ["is exact on a point and leaves each level's noise"],
    }],
  },
  {
    name: "pndm with Runge-Kutta steps",
    kind: "ode",
    order: 2,
    create: (steps) => pndm({ steps, skipPrkSteps: false }),
    evaluations: { perStep: 1, extra: 9 },
    steps: 10,
  },
];
for (const variant of variants) testSampler(variant, Deno.test);

/** Ways to get a sampler wrong. */
type Mistake =
  | "none"
  | "half a step"
  | "noise too large"
  | "ancestral noise on top"
  | "state outside"
  | "deaf to signals"
  | "one evaluation too many"
  | "forgets what it is handed"
  | "ignores the latent"
  | "ignores strength"
  | "writes to its input"
  | "ignores steps"
  | "draws noise";

/** DDIM, or for distilled networks UFOGen's way, with one mistake. */
function flawed(mistake: Mistake, asked: number, kind: SamplerSuiteOptions["kind"]): Sampler {
  let runs = 0;
  return {
    name: "flawed",
    steps: asked,
    plan: (schedule, steps) => schedule.plan("stride", mistake === "ignores steps" ? asked : steps),
    async *sample(denoise, { latent, plan: { transitions }, first }, { noise, signal }) {
      runs++;
      let z = mistake === "ignores the latent" ? weightedSum([-1, latent]) : latent;
      for (const { from, to } of transitions.slice(mistake === "ignores strength" ? 0 : first)) {
        if (mistake !== "deaf to signals") signal?.throwIfAborted();
        const { x0, epsilon } = await denoise(z, from);
        if (mistake === "one evaluation too many") await denoise(z, from);
        const [a, s] = mistake === "half a step"
          ? [(to.alpha + from.alpha) / 2, (to.sigma + from.sigma) / 2]
          : [to.alpha, to.sigma];
        const scale = mistake === "noise too large" ? 1.1 : mistake === "state outside" ? 1 + 1e-4 * runs : 1;
        const fresh = kind === "distilled" && s > 0;
        z = weightedSum([a, x0], [s * scale, fresh ? noise.normal(z.shape) : epsilon]);
        if (mistake === "writes to its input") epsilon.data[0] = 0;
        if (mistake === "draws noise") noise.normal(z.shape);
        if (mistake === "ancestral noise on top" && s > 0) {
          z = weightedSum([1, z], [0.3 * s, noise.normal(z.shape)]);
        }
        const replaced = yield { latent: z, x0 };
        if (mistake !== "forgets what it is handed") z = replaced ?? z;
      }
    },
  };
}

/** The name of the first check that a flawed sampler fails; a word on its own if it passes all. */
async function firstFailure(
  mistake: Mistake,
  suite: Partial<SamplerSuiteOptions> & Pick<SamplerSuiteOptions, "kind">,
) {
  const create = (steps: number) => flawed(mistake, steps, suite.kind);
  for (const { name, run } of samplerChecks({ name: "", create, ...suite })) {
    try {
      await run();
    } catch {
      return name.trim();
    }
  }
  return "passes";
}

const POINT = "is exact on a point and leaves each level's noise";

Deno.test("a sampler with a mistake fails the check for it, and without one passes", async () => {
  const expected: readonly (readonly [Mistake, SamplerSuiteOptions["kind"], string])[] = [
    ["none", "ode", "passes"],
    ["none", "distilled", "passes"],
    ["half a step", "ode", POINT],
    ["noise too large", "ode", POINT],
    ["ancestral noise on top", "sde", POINT],
    ["draws noise", "ode", POINT],
    ["state outside", "ode", "gives the same for the same noise and keeps no state"],
    ["deaf to signals", "ode", "stops before the next evaluation when its signal fires"],
    ["one evaluation too many", "ode", "asks the network as often as it says"],
    ["ignores steps", "ode", "asks the network as often as it says"],
    ["forgets what it is handed", "ode", "goes on from a latent that it is handed"],
    ["ignores the latent", "ode", "starts from a picture at the level of its strength"],
    ["ignores strength", "ode", "starts from a picture at the level of its strength"],
    ["writes to its input", "ode", "leaves its inputs as they were"],
  ];
  for (const [mistake, kind, failure] of expected) {
    assert.equal(await firstFailure(mistake, { kind }), failure, mistake);
  }
});

Deno.test("a first-order sampler is not of second order", async () => {
  assert.equal(await firstFailure("none", { kind: "ode", order: 2 }), "converges at order 2 on a Gaussian");
});

Deno.test("an ODE is no SDE: it reaches the distribution but uses no noise", async () => {
  const failure = await firstFailure("none", { kind: "sde" });
  assert.equal(failure, "gives the same for the same noise and keeps no state");
});

Deno.test("ancestral steps without their noise do not reach the variance", async () => {
  const { plan, sample } = eulerAncestral();
  const create = (steps: number): Sampler => ({
    name: "silent",
    steps,
    plan,
    sample: (denoise, run, tools) =>
      sample(denoise, run, { ...tools, noise: { normal: (shape) => zeros(shape) } }),
  });
  const [, moments] = samplerChecks({ name: "silent", kind: "sde", create });
  await assert.rejects(moments!.run(), /variance/);
});

Deno.test("a check that does not exist cannot be skipped", () => {
  const skip = [{ reason: "none", tests: ["flies"] }];
  assert.throws(
    () => samplerChecks({ name: "", kind: "ode", create: () => ufogen(), skip }),
    /Cannot skip "flies"/,
  );
});

function zeros(shape: readonly number[]) {
  return { data: new Float32Array(shape.reduce((size, n) => size * n, 1)), shape };
}
