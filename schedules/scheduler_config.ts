/**
 * Reads diffusers' `scheduler_config.json`: the numbers of the schedule, and the sampler that the model's authors
 * chose.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { PredictionType, TimestepSpacing } from "../core/schedule.ts";
import { Reader } from "./_config_reader.ts";
import { type FlowConfig, readFlowMatch, readFlowSigmas } from "./_flow_config.ts";
import type { BetaSchedule, ScheduleConfig } from "./ddpm.ts";
import type { FlowScheduleConfig } from "./flow.ts";

export type { FlowConfig };

/** What a `scheduler_config.json` says. */
export interface SchedulerConfig {
  /** The numbers, for `scheduleFrom`. */
  readonly schedule: ScheduleConfig | FlowConfig;
  /** The sampler that the file names, for `createSampler(name, options)` of the samplers. */
  readonly sampler: {
    /** Its name here, as "pndm". */
    readonly name: string;
    /** Its options; those at their default are absent. */
    readonly options: Readonly<Record<string, unknown>>;
  };
}

/** Defaults of a diffusers scheduler class, where they are not the usual ones, and its own options. */
interface SchedulerClass {
  readonly name: string;
  readonly spacing?: TimestepSpacing;
  readonly betaStart?: number;
  readonly betaEnd?: number;
  readonly betaSchedule?: BetaSchedule;
  readonly setAlphaToOne?: boolean;
  readonly clipSample?: boolean;
  /** Whether it is of rectified flow: always, or with `use_flow_sigmas`, with these levels. */
  readonly flow?: "always" | NonNullable<FlowScheduleConfig["solverLevels"]>;
  options?(read: Reader): Record<string, unknown>;
}

const SIGMA_CLASS = { spacing: "linspace", options: sigmaOptions } as const;
const STABLE_DIFFUSION = { betaStart: 0.00085, betaEnd: 0.012 } as const;
const CONSISTENCY = { ...STABLE_DIFFUSION, betaSchedule: "scaled_linear" } as const;

const CLASSES: Readonly<Record<string, SchedulerClass>> = {
  DDIMScheduler: { name: "ddim", clipSample: true },
  DDPMScheduler: {
    name: "ddpm",
    clipSample: true,
    options: (read) => {
      const type = read.choice(
        "variance_type",
        ["fixed_small", "fixed_small_log", "fixed_large"],
        "fixed_small",
      );
      return { varianceType: type === "fixed_large" ? type : undefined };
    },
  },
  PNDMScheduler: {
    name: "pndm",
    setAlphaToOne: false,
    options: (read) => ({ skipPrkSteps: read.boolean("skip_prk_steps", false) }),
  },
  LCMScheduler: {
    name: "lcm",
    ...CONSISTENCY,
    options: (read) => ({
      originalSteps: read.number("original_inference_steps"),
      timestepScaling: read.number("timestep_scaling"),
    }),
  },
  TCDScheduler: {
    name: "tcd",
    ...CONSISTENCY,
    options: (read) => ({ originalSteps: read.number("original_inference_steps") }),
  },
  EulerDiscreteScheduler: { name: "euler", ...SIGMA_CLASS },
  EulerAncestralDiscreteScheduler: { name: "euler_ancestral", ...SIGMA_CLASS },
  HeunDiscreteScheduler: { name: "heun", ...SIGMA_CLASS, ...STABLE_DIFFUSION },
  LMSDiscreteScheduler: { name: "lms", ...SIGMA_CLASS },
  KDPM2DiscreteScheduler: { name: "dpm2", ...SIGMA_CLASS, ...STABLE_DIFFUSION },
  KDPM2AncestralDiscreteScheduler: { name: "dpm2_ancestral", ...SIGMA_CLASS, ...STABLE_DIFFUSION },
  FlowMatchEulerDiscreteScheduler: {
    name: "euler",
    flow: "always",
    options: (read) => ({ stochastic: read.boolean("stochastic_sampling", false) ? true : undefined }),
  },
  FlowMatchHeunDiscreteScheduler: { name: "heun", flow: "always" },
  DPMSolverMultistepScheduler: {
    name: "dpmpp_2m",
    spacing: "linspace",
    flow: "dpm",
    options: multistepOptions,
  },
  DPMSolverSinglestepScheduler: {
    name: "dpmpp_2s",
    spacing: "linspace",
    flow: "dpm",
    options: (read) => {
      read.only("algorithm_type", "dpmsolver++");
      read.only("solver_order", 2);
      return { ...sigmaOptions(read), solverType: solverType(read) };
    },
  },
  DEISMultistepScheduler: {
    name: "deis",
    spacing: "linspace",
    flow: "dpm",
    options: (read) => ({
      ...sigmaOptions(read),
      order: read.number("solver_order"),
      ...read.boolean("use_flow_sigmas", false) && { finalSigma: "sigma_min" }, // whatever its type says
    }),
  },
  UniPCMultistepScheduler: {
    name: "unipc",
    spacing: "linspace",
    flow: "unipc",
    options: (read) => ({
      ...sigmaOptions(read),
      order: read.number("solver_order"),
      predicts: read.boolean("predict_x0", true) ? undefined : "epsilon",
      solverType: read.text("solver_type") === "bh1" ? "bh1" : undefined,
      disableCorrector: read.numbers("disable_corrector"),
    }),
  },
};

/**
 * Reads the parsed JSON of a `scheduler_config.json`. Fields that it lacks have the default of their class, as in
 * diffusers; fields that say nothing about schedule or sampler are ignored.
 *
 * @throws {TypeError} If it is not an object, or a field is of the wrong type.
 * @throws {RangeError} If a field has a value that diffusers does not know.
 * @throws {UnsupportedModelError} If the class, or a value that diffusers knows, is of a kind that the SDK lacks.
 *
 * @example
 * ```ts
 * import { createSchedule, readScheduleConfig } from "@mobile-diffusion/sdk/schedules";
 * const { schedule, sampler } = readScheduleConfig({ _class_name: "PNDMScheduler", skip_prk_steps: true });
 * console.log(sampler.name, createSchedule(schedule).alphasCumprod.length); // pndm 1000
 * ```
 */
export function readScheduleConfig(json: unknown): SchedulerConfig {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TypeError("Cannot read the scheduler config: it is not a JSON object.");
  }
  const read = new Reader(json as Record<string, unknown>);
  const className = read.text("_class_name") ?? "";
  const found = Object.hasOwn(CLASSES, className) ? CLASSES[className] : undefined;
  if (found === undefined) {
    throw new UnsupportedModelError(
      `Cannot read the scheduler config: the class is "${className}", expected one of ${
        Object.keys(CLASSES).join(", ")
      }.`,
    );
  }
  const flow = found.flow === "always" || found.flow !== undefined && read.boolean("use_flow_sigmas", false);
  if (!flow) read.only("use_flow_sigmas", false);
  read.only("timestep_type", "discrete");
  read.only("interpolation_type", "linear");
  const { name = found.name, ...options } = found.options?.(read) ?? {};
  return {
    schedule: !flow
      ? scheduleOf(read, found)
      : found.flow === "always"
      ? readFlowMatch(read)
      : readFlowSigmas(read, found.flow === "unipc" ? "unipc" : undefined),
    sampler: { name: String(name), options: withoutUndefined(options) },
  };
}

/**
 * Reads the numbers of the schedule alone, from the configuration of whichever class: what remains where the sampler
 * that it names is not known, and the user names another one.
 *
 * @returns `undefined` where it has no betas, and so is for another kind of noise.
 * @throws As {@linkcode readScheduleConfig}, if one of these fields is malformed.
 */
export function readScheduleNumbers(json: Readonly<Record<string, unknown>>): ScheduleConfig | undefined {
  const read = new Reader(json);
  const has = (key: string) => (json[key] ?? undefined) !== undefined;
  if (!has("beta_start") && !has("beta_end") && !has("trained_betas")) return undefined;
  const className = read.text("_class_name") ?? "";
  return scheduleOf(
    read,
    Object.hasOwn(CLASSES, className) ? CLASSES[className]! : { name: "", ...CONSISTENCY },
  );
}

function scheduleOf(read: Reader, found: SchedulerClass): ScheduleConfig {
  const betaSchedules: readonly BetaSchedule[] = ["linear", "scaled_linear", "squaredcos_cap_v2"];
  const predictions: readonly PredictionType[] = ["epsilon", "sample", "v_prediction"];
  const spacings: readonly TimestepSpacing[] = ["leading", "trailing", "linspace"];
  const trainedBetas = read.numbers("trained_betas");
  const clips = read.boolean("clip_sample", found.clipSample ?? false);
  const thresholding = read.boolean("thresholding", false);
  return {
    trainTimesteps: read.number("num_train_timesteps") ?? 1000,
    betaStart: read.number("beta_start") ?? found.betaStart ?? 0.0001,
    betaEnd: read.number("beta_end") ?? found.betaEnd ?? 0.02,
    betaSchedule: read.choice("beta_schedule", betaSchedules, found.betaSchedule ?? "linear"),
    predictionType: read.choice("prediction_type", predictions, "epsilon"),
    timestepSpacing: read.choice("timestep_spacing", spacings, found.spacing ?? "leading"),
    stepsOffset: read.number("steps_offset") ?? 0,
    setAlphaToOne: read.boolean("set_alpha_to_one", found.setAlphaToOne ?? true),
    rescaleBetasZeroSnr: read.boolean("rescale_betas_zero_snr", false),
    ...trainedBetas !== undefined && { trainedBetas },
    ...clips && { clipSampleRange: read.number("clip_sample_range") ?? 1 },
    ...thresholding && {
      thresholding: {
        ratio: read.number("dynamic_thresholding_ratio") ?? 0.995,
        maxValue: read.number("sample_max_value") ?? 1,
      },
    },
  };
}

/** Options of all samplers that think in σ. */
function sigmaOptions(read: Reader): Record<string, unknown> {
  const spacings = {
    karras: "use_karras_sigmas",
    exponential: "use_exponential_sigmas",
    beta: "use_beta_sigmas",
    lu: "use_lu_lambdas",
  };
  const chosen = Object.entries(spacings).filter(([, key]) => read.boolean(key, false));
  if (chosen.length > 1) {
    const keys = chosen.map(([, key]) => key).join(" and ");
    throw new RangeError(`Cannot read the scheduler config: ${keys} are true, expected one of them at most.`);
  }
  const finalSigma = read.choice("final_sigmas_type", ["zero", "sigma_min"], "zero");
  return { sigmas: chosen[0]?.[0], finalSigma: finalSigma === "zero" ? undefined : finalSigma };
}

function multistepOptions(read: Reader): Record<string, unknown> {
  const algorithms = ["dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis"] as const;
  const algorithm = read.choice("algorithm_type", algorithms, "dpmsolver++");
  if (algorithm === "sde-dpmsolver") read.only("algorithm_type", "sde-dpmsolver++");
  return {
    name: algorithm === "sde-dpmsolver++" ? "dpmpp_2m_sde" : undefined,
    predicts: algorithm === "dpmsolver" ? "epsilon" : undefined,
    ...sigmaOptions(read),
    order: read.number("solver_order"),
    solverType: solverType(read),
    lowerOrderFinal: read.boolean("lower_order_final", true) ? undefined : false,
    eulerAtFinal: read.boolean("euler_at_final", false) ? true : undefined,
    lambdaMinClipped: read.infinity("lambda_min_clipped") ? undefined : read.number("lambda_min_clipped"),
  };
}

/** A DPM-Solver's own types; those of other solvers, left over from another class, mean the default. */
function solverType(read: Reader): string | undefined {
  const type = read.choice("solver_type", ["midpoint", "heun", "logrho", "bh1", "bh2"], "midpoint");
  return type === "heun" ? type : undefined;
}

function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
