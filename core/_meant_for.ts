/** Whether a sampler runs on weights that it was meant for, as far as names and configurations say. */
import { BASE, type Model } from "./model.ts";
import type { UsedLora } from "./picture_sources.ts";
import type { Sampler } from "./sampler.ts";

/**
 * A sentence where a sampler wants distilled weights and nothing says that these are; never an error, for the network of
 * such a checkpoint looks like any other. It says so: the model's own sampler, its name, an embedded guidance scale
 * (which LCMs have), or a LoRA's name.
 */
export function meantForOthers(
  { name, meantFor }: Pick<Sampler, "name" | "meantFor">,
  model: Pick<Model, "name" | "sampler" | "unets">,
  loras: readonly Pick<UsedLora, "source">[],
): string | undefined {
  if (meantFor === undefined || model.sampler.meantFor === meantFor) return undefined;
  if (meantFor === "lcm" && model.unets.get(BASE)?.config.timeCondProjDim !== undefined) return undefined;
  const names = [model.name, ...loras.map(({ source = "" }) => source)];
  if (names.some((text) => text.toLowerCase().includes(meantFor))) return undefined;
  return `The sampler "${name}" is meant for weights distilled for it, by a checkpoint or a LoRA; nothing says that ` +
    `"${model.name}" has such, and others give ruined pictures.`;
}
