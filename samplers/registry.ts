/**
 * The samplers as data: names, papers, costs, options.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { ddim } from "./ddim.ts";
import { ddpm } from "./ddpm.ts";
import { deis } from "./deis.ts";
import { dpm2 } from "./dpm2.ts";
import { dpm2Ancestral } from "./dpm2_ancestral.ts";
import { dpmpp2m } from "./dpmpp_2m.ts";
import { dpmpp2mSde } from "./dpmpp_2m_sde.ts";
import { dpmpp3mSde } from "./dpmpp_3m_sde.ts";
import { dpmpp2s } from "./dpmpp_2s.ts";
import { euler } from "./euler.ts";
import { eulerAncestral } from "./euler_ancestral.ts";
import { heun } from "./heun.ts";
import { lcm } from "./lcm.ts";
import { lms } from "./lms.ts";
import { pndm } from "./pndm.ts";
import { progressiveDistillation } from "./progressive_distillation.ts";
import { tcd } from "./tcd.ts";
import { ufogen } from "./ufogen.ts";
import { unipc } from "./unipc.ts";

/** What an option may be: a kind of value, or the list of its values. */
export type OptionKind = "number" | "boolean" | "numbers" | "sigmas" | readonly (string | number)[];

/** One sampler of the list. */
export interface SamplerEntry {
  /** Its name in code, on the command line and in picture files. */
  readonly name: string;
  /** Its names in A1111's web UI, in ComfyUI and in diffusers. Case, spaces, dashes and "++" for "pp" do not matter. */
  readonly aliases: readonly string[];
  /** Where it was described. */
  readonly paper: string;
  /** Network evaluations of a run of n steps: `perStep · n + extra`. */
  readonly evaluations: { readonly perStep: number; readonly extra: number };
  /** Which weights it is for: any, or those distilled for it. */
  readonly weights: "any" | "lcm" | "tcd" | "progressive-distillation" | "ufogen";
  /** Number of steps when nobody asks for one. */
  readonly steps: number;
  /** The options that its factory takes. */
  readonly options: Readonly<Record<string, OptionKind>>;
  /** Its factory, for options that fit `options`. */
  create(options: Readonly<Record<string, unknown>>): Sampler;
}

const SPACING = ["leading", "trailing", "linspace"] as const;
const TIMESTEPS = { steps: "number", spacing: SPACING, timesteps: "numbers" } as const;
const SIGMAS = { ...TIMESTEPS, sigmas: "sigmas", finalSigma: ["zero", "sigma_min"] } as const;
const SOLVER = { ...SIGMAS, lambdaMinClipped: "number", solverType: ["midpoint", "heun"] } as const;
const MULTISTEP = {
  ...SOLVER,
  order: [1, 2, 3],
  lowerOrderFinal: "boolean",
  eulerAtFinal: "boolean",
} as const;
const PREDICTS = ["x0", "epsilon"] as const;

const ONCE = { perStep: 1, extra: 0 } as const;
const TWICE = { perStep: 2, extra: -1 } as const;

/** All samplers of the SDK, the three regimes of MobileDiffusion first. */
export const SAMPLERS: readonly SamplerEntry[] = [
  {
    name: "ddim",
    aliases: ["DDIMScheduler"],
    paper: "Song et al. 2021, Denoising Diffusion Implicit Models",
    evaluations: ONCE,
    weights: "any",
    steps: 50,
    options: { ...TIMESTEPS, eta: "number", useClippedModelOutput: "boolean" },
    create: ddim,
  },
  {
    name: "progressive_distillation",
    aliases: ["distilled"],
    paper: "Salimans & Ho 2022, Progressive Distillation for Fast Sampling of Diffusion Models",
    evaluations: ONCE,
    weights: "progressive-distillation",
    steps: 8,
    options: { steps: [1, 2, 4, 8, 16, 32] },
    create: progressiveDistillation,
  },
  {
    name: "ufogen",
    aliases: [],
    paper: "Xu et al. 2024, UFOGen: You Forward Once Large Scale Text-to-Image Generation via Diffusion GANs",
    evaluations: ONCE,
    weights: "ufogen",
    steps: 1,
    options: { steps: "number" },
    create: ufogen,
  },
  {
    name: "ddpm",
    aliases: ["DDPMScheduler"],
    paper: "Ho et al. 2020, Denoising Diffusion Probabilistic Models",
    evaluations: ONCE,
    weights: "any",
    steps: 1000,
    options: { ...TIMESTEPS, varianceType: ["fixed_small", "fixed_large"] },
    create: ddpm,
  },
  {
    name: "euler",
    aliases: ["EulerDiscreteScheduler"],
    paper: "Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models",
    evaluations: ONCE,
    weights: "any",
    steps: 30,
    options: {
      ...SIGMAS,
      churn: "number",
      churnMin: "number",
      churnMax: "number",
      churnNoise: "number",
      stochastic: "boolean",
    },
    create: euler,
  },
  {
    name: "euler_ancestral",
    aliases: ["Euler a", "EulerAncestralDiscreteScheduler"],
    paper: "Crowson 2022, k-diffusion, after Song et al. 2021",
    evaluations: ONCE,
    weights: "any",
    steps: 30,
    options: { ...SIGMAS, eta: "number" },
    create: eulerAncestral,
  },
  {
    name: "heun",
    aliases: ["HeunDiscreteScheduler"],
    paper: "Karras et al. 2022, Elucidating the Design Space of Diffusion-Based Generative Models",
    evaluations: TWICE,
    weights: "any",
    steps: 20,
    options: SIGMAS,
    create: heun,
  },
  {
    name: "lms",
    aliases: ["LMSDiscreteScheduler"],
    paper: "Crowson 2022, k-diffusion: the linear multistep method of Adams and Bashforth",
    evaluations: ONCE,
    weights: "any",
    steps: 30,
    options: { ...SIGMAS, order: [1, 2, 3, 4] },
    create: lms,
  },
  {
    name: "dpm2",
    aliases: ["DPM_2", "KDPM2DiscreteScheduler"],
    paper: "Lu et al. 2022, DPM-Solver; Karras et al. 2022",
    evaluations: TWICE,
    weights: "any",
    steps: 20,
    options: SIGMAS,
    create: dpm2,
  },
  {
    name: "dpm2_ancestral",
    aliases: ["DPM2 a", "DPM_2_ancestral", "KDPM2AncestralDiscreteScheduler"],
    paper: "Crowson 2022, k-diffusion, after Lu et al. 2022 and Karras et al. 2022",
    evaluations: TWICE,
    weights: "any",
    steps: 20,
    options: { ...SIGMAS, eta: "number" },
    create: dpm2Ancestral,
  },
  {
    name: "dpmpp_2m",
    aliases: ["DPM++ 2M", "DPMSolverMultistepScheduler"],
    paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    evaluations: ONCE,
    weights: "any",
    steps: 25,
    options: { ...MULTISTEP, predicts: PREDICTS },
    create: dpmpp2m,
  },
  {
    name: "dpmpp_2m_sde",
    aliases: ["DPM++ 2M SDE", "DPM++ 2M SDE GPU"],
    paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    evaluations: ONCE,
    weights: "any",
    steps: 25,
    options: { ...MULTISTEP, eta: "number" },
    create: dpmpp2mSde,
  },
  {
    name: "dpmpp_3m_sde",
    aliases: ["DPM++ 3M SDE", "DPM++ 3M SDE GPU"],
    paper: "Crowson 2023, k-diffusion, after Lu et al. 2022",
    evaluations: ONCE,
    weights: "any",
    steps: 25,
    options: { ...SOLVER, lowerOrderFinal: "boolean", eulerAtFinal: "boolean", eta: "number" },
    create: dpmpp3mSde,
  },
  {
    name: "dpmpp_2s",
    aliases: ["DPM++ 2S", "DPMSolverSinglestepScheduler"],
    paper: "Lu et al. 2022, DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    evaluations: ONCE,
    weights: "any",
    steps: 20,
    options: SOLVER,
    create: dpmpp2s,
  },
  {
    name: "deis",
    aliases: ["DEISMultistepScheduler"],
    paper: "Zhang & Chen 2023, Fast Sampling of Diffusion Models with Exponential Integrator",
    evaluations: ONCE,
    weights: "any",
    steps: 25,
    options: { ...SIGMAS, order: [1, 2] },
    create: deis,
  },
  {
    name: "unipc",
    aliases: ["uni_pc", "uni_pc_bh2", "UniPCMultistepScheduler"],
    paper:
      "Zhao et al. 2023, UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
    evaluations: ONCE,
    weights: "any",
    steps: 20,
    options: {
      ...SIGMAS,
      order: [1, 2, 3],
      predicts: PREDICTS,
      solverType: ["bh1", "bh2"],
      disableCorrector: "numbers",
    },
    create: unipc,
  },
  {
    name: "pndm",
    aliases: ["PLMS", "PNDMScheduler"],
    paper: "Liu et al. 2022, Pseudo Numerical Methods for Diffusion Models on Manifolds",
    evaluations: { perStep: 1, extra: 1 },
    weights: "any",
    steps: 50,
    options: { steps: "number", spacing: SPACING, skipPrkSteps: "boolean" },
    create: pndm,
  },
  {
    name: "lcm",
    aliases: ["LCMScheduler"],
    paper: "Luo et al. 2023, Latent Consistency Models",
    evaluations: ONCE,
    weights: "lcm",
    steps: 4,
    options: { steps: "number", timesteps: "numbers", originalSteps: "number", timestepScaling: "number" },
    create: lcm,
  },
  {
    name: "tcd",
    aliases: ["TCDScheduler"],
    paper: "Zheng et al. 2024, Trajectory Consistency Distillation",
    evaluations: ONCE,
    weights: "tcd",
    steps: 4,
    options: { steps: "number", timesteps: "numbers", originalSteps: "number", eta: "number" },
    create: tcd,
  },
];
