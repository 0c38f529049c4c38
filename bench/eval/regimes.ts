/** MobileDiffusion's three regimes: 50 steps, 8, and 1. */
import { BASE, type Model } from "../../core/model.ts";
import type { Sampler } from "../../core/sampler.ts";
import { ddim, progressiveDistillation, ufogen } from "../../samplers/mod.ts";

/** Those that a model has weights for. */
export function regimesOf({ unets }: Model): Sampler[] {
  const regimes = [ddim({ steps: 50 }), progressiveDistillation({ steps: 8 }), ufogen({ steps: 1 })];
  return regimes.filter(({ needs }) => unets.has(needs ?? BASE));
}
