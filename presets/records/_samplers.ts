/** Samplers by the names that other programs have for them. */
import { createSampler } from "../../samplers/create_sampler.ts";
import { SAMPLERS } from "../../samplers/registry.ts";
import { levelOptions } from "./_levels.ts";
import type { Remark, RequestOptions } from "./request.ts";

/** What a name stands for. */
export interface Spelling {
  /** One of our samplers. */
  readonly sampler: string;
  /** Options that it implies. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** The spacing that its writer takes when told to choose. */
  readonly automatic?: string;
  /** What is not the same. */
  readonly remark?: string;
}

const brownian = "its noise came from a Brownian tree, which gives other numbers than the seed does here";
const discards = "its writer left out the last noise level but one, which is not done here";
const standIn = "it was made with DPM++ 2S a; DPM++ 2S, without fresh noise, stands in for it";
const consistency = "its writer chose other timesteps for LCM than are chosen here";

/** By A1111's names, which Forge and Draw Things share, in lower case. */
export const A1111_SAMPLERS: Readonly<Record<string, Spelling>> = {
  "euler": { sampler: "euler" },
  "euler a": { sampler: "euler_ancestral" },
  "euler ancestral": { sampler: "euler_ancestral" },
  "heun": { sampler: "heun" },
  "lms": { sampler: "lms" },
  "dpm2": { sampler: "dpm2", automatic: "karras", remark: discards },
  "dpm2 a": { sampler: "dpm2_ancestral", automatic: "karras", remark: discards },
  "dpm++ 2m": { sampler: "dpmpp_2m", automatic: "karras" },
  "dpm++ 2m sde": { sampler: "dpmpp_2m_sde", automatic: "exponential", remark: brownian },
  "dpm++ 2m sde heun": {
    sampler: "dpmpp_2m_sde",
    options: { solverType: "heun" },
    automatic: "exponential",
    remark: brownian,
  },
  "dpm++ 3m sde": {
    sampler: "dpmpp_3m_sde",
    automatic: "exponential",
    remark: `${discards}, and ${brownian}`,
  },
  "dpm++ 2s a": { sampler: "dpmpp_2s", automatic: "karras", remark: standIn },
  "ddim": { sampler: "ddim" },
  "ddpm": { sampler: "ddpm" },
  "deis": { sampler: "deis" },
  "plms": { sampler: "pndm" },
  "unipc": { sampler: "unipc" },
  "lcm": { sampler: "lcm", remark: consistency },
};

/** By the names of stable-diffusion.cpp. */
export const SDCPP_SAMPLERS: Readonly<Record<string, Spelling>> = {
  "euler": { sampler: "euler" },
  "euler_a": { sampler: "euler_ancestral" },
  "heun": { sampler: "heun" },
  "dpm2": { sampler: "dpm2" },
  "dpm++2m": { sampler: "dpmpp_2m" },
  "dpm++2mv2": { sampler: "dpmpp_2m", remark: "it was made with dpm++2mv2; DPM++ 2M stands in for it" },
  "dpm++2s_a": { sampler: "dpmpp_2s", remark: standIn },
  "ddim_trailing": { sampler: "ddim", options: { spacing: "trailing" } },
  "tcd": { sampler: "tcd" },
  "lcm": { sampler: "lcm", remark: consistency },
};

/** By the names of ComfyUI and SwarmUI. */
export const COMFYUI_SAMPLERS: Readonly<Record<string, Spelling>> = {
  "euler": { sampler: "euler" },
  "euler_ancestral": { sampler: "euler_ancestral" },
  "heun": { sampler: "heun" },
  "lms": { sampler: "lms" },
  "dpm_2": { sampler: "dpm2" },
  "dpm_2_ancestral": { sampler: "dpm2_ancestral" },
  "dpmpp_2m": { sampler: "dpmpp_2m" },
  "dpmpp_2m_sde": { sampler: "dpmpp_2m_sde", remark: brownian },
  "dpmpp_2m_sde_gpu": { sampler: "dpmpp_2m_sde", remark: brownian },
  "dpmpp_3m_sde": { sampler: "dpmpp_3m_sde", remark: brownian },
  "dpmpp_3m_sde_gpu": { sampler: "dpmpp_3m_sde", remark: brownian },
  "dpmpp_2s_ancestral": { sampler: "dpmpp_2s", remark: standIn },
  "ddim": { sampler: "euler" }, // what it runs under this name
  "deis": { sampler: "deis" },
  "uni_pc": { sampler: "unipc", options: { solverType: "bh1" } },
  "uni_pc_bh2": { sampler: "unipc", options: { solverType: "bh2" } },
  "lcm": { sampler: "lcm", remark: consistency },
};

/** What a picture says about its sampler. */
export interface SamplerClaim {
  /** Names of its writer's. */
  readonly table: Readonly<Record<string, Spelling>>;
  /** The name in the file. */
  readonly name: string;
  /** The spacing of noise levels, in its writer's words; absent where the file says none. */
  readonly spacing?: string;
  /** The spacing where none is said; absent where that is not known. */
  readonly otherwise?: string;
  /** Number of steps; the spacing depends on it. */
  readonly steps: number;
}

/** Our sampler with its options, and what of the claim it cannot follow. */
export function claimedSampler(
  claim: SamplerClaim,
): {
  readonly options: Pick<RequestOptions, "sampler" | "samplerOptions">;
  readonly remarks: readonly Remark[];
} {
  const { table, steps } = claim;
  const { name, spacing = claim.otherwise } = withoutSuffix(claim);
  const spelling = lookUp(table, name.toLowerCase()) ?? ownName(name);
  if (spelling === undefined) {
    const text = `it was made with the sampler ${JSON.stringify(claim.name)}, which is none of ours`;
    return { options: {}, remarks: [{ option: "sampler", needed: true, text }] };
  }
  const { sampler, options, remark, automatic = "uniform" } = spelling;
  const remarks: Remark[] = remark === undefined ? [] : [{ option: "sampler", text: remark }];
  const known = SAMPLERS.find((entry) => entry.name === sampler)!.options;
  const spaced = spacing === undefined
    ? {}
    : levelOptions(/^automatic$/i.test(spacing) ? automatic : spacing, steps);
  const isSpaced = known["sigmas"] !== undefined; // those of other samplers are theirs alone, in all programs
  if (isSpaced && spacing === undefined) {
    remarks.push({
      option: "sampler",
      text: "it does not say how its noise levels are spaced; ours are the model's",
    });
  } else if (isSpaced && spaced === undefined) {
    remarks.push({
      option: "sampler",
      text: `its noise levels are spaced as ${JSON.stringify(spacing)}, which is not used`,
    });
  }
  const samplerOptions = { ...options, ...isSpaced && spaced };
  return { options: { sampler, ...Object.keys(samplerOptions).length > 0 && { samplerOptions } }, remarks };
}

/** A spacing named behind the sampler, as "DPM++ 2M Karras" until A1111's version 1.9, or "dpmpp_2m_karras". */
function withoutSuffix(
  { table, name, spacing }: SamplerClaim,
): { readonly name: string; readonly spacing?: string } {
  const known = (candidate: string) => lookUp(table, candidate.toLowerCase()) !== undefined;
  if (spacing !== undefined) return { name, spacing };
  if (known(name)) return { name };
  for (const { index } of [...name.matchAll(/[ _]/g)].reverse()) {
    const head = name.slice(0, index);
    if (known(head)) return { name: head, spacing: name.slice(index + 1) };
  }
  return { name };
}

function lookUp(table: Readonly<Record<string, Spelling>>, name: string): Spelling | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** A name of ours, or of diffusers. */
function ownName(name: string): Spelling | undefined {
  try {
    return { sampler: createSampler(name).name };
  } catch {
    return undefined;
  }
}

/** Whether a sampler of ours takes an option. */
export function takes(sampler: string | undefined, option: string): boolean {
  return SAMPLERS.find(({ name }) => name === sampler)?.options[option] !== undefined;
}
