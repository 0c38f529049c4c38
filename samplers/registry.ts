/**
 * The samplers as data: names, papers, costs, options.
 *
 * @module
 */
import { entry as ddim } from "./ddim.ts";
import { entry as ddpm } from "./ddpm.ts";
import { entry as deis } from "./deis.ts";
import { entry as dpm2 } from "./dpm2.ts";
import { entry as dpm2Ancestral } from "./dpm2_ancestral.ts";
import { entry as dpmpp2m } from "./dpmpp_2m.ts";
import { entry as dpmpp2mSde } from "./dpmpp_2m_sde.ts";
import { entry as dpmpp2s } from "./dpmpp_2s.ts";
import { entry as dpmpp3mSde } from "./dpmpp_3m_sde.ts";
import { entry as euler } from "./euler.ts";
import { entry as eulerAncestral } from "./euler_ancestral.ts";
import { entry as heun } from "./heun.ts";
import { entry as lcm } from "./lcm.ts";
import { entry as lms } from "./lms.ts";
import { entry as pndm } from "./pndm.ts";
import { entry as progressiveDistillation } from "./progressive_distillation.ts";
import { entry as tcd } from "./tcd.ts";
import { entry as ufogen } from "./ufogen.ts";
import { entry as unipc } from "./unipc.ts";
import type { SamplerEntry } from "./sampler_entry.ts";

export type { OptionKind, SamplerEntry } from "./sampler_entry.ts";

/** All samplers of the SDK, the three regimes of MobileDiffusion first. */
export const SAMPLERS: readonly SamplerEntry[] = [
  ddim,
  progressiveDistillation,
  ufogen,
  ddpm,
  euler,
  eulerAncestral,
  heun,
  lms,
  dpm2,
  dpm2Ancestral,
  dpmpp2m,
  dpmpp2mSde,
  dpmpp3mSde,
  dpmpp2s,
  deis,
  unipc,
  pndm,
  lcm,
  tcd,
];
