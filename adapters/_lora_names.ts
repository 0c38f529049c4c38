/** How the tools that write LoRAs spell the modules of a network. */
import type { LoraTarget } from "./lora.ts";
import type { LoraModules } from "./lora_modules.ts";
import { sgmNames } from "./_sgm_names.ts";

/** A module of one of the networks. */
export interface Place {
  readonly target: LoraTarget;
  readonly module: string;
}

/** Every spelling of every module: what stands before `.lora_down.weight` and the like in a file. */
export function spellings(modules: LoraModules): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const target of ["unet", "textEncoder"] as const) {
    const paths = [...modules[target]?.keys() ?? []];
    const original = target === "unet" ? sgmNames(paths) : new Map<string, string>();
    for (const module of paths) {
      for (const spelling of spell(target, module, original.get(module))) {
        places.set(spelling, { target, module });
      }
    }
  }
  return places;
}

function spell(target: LoraTarget, module: string, original: string | undefined): string[] {
  const [prefix, kohya] = target === "unet" ? ["unet.", "lora_unet_"] : ["text_encoder.", "lora_te_"];
  const dotted = [module, ...processorName(module)];
  // The text model's own name is left out by some versions of its library.
  if (module.startsWith("text_model.")) dotted.push(module.slice("text_model.".length));
  return [
    ...dotted.map((name) => prefix + name), // diffusers, PEFT
    ...dotted, // the same, saved for one network only
    `base_model.model.${module}`, // PEFT by itself
    kohya + underscored(module),
    ...original === undefined ? [] : [kohya + underscored(original)],
  ];
}

/** Until 2023 diffusers kept the factors of an attention's projections in its "processor". */
function processorName(module: string): string[] {
  for (const [projection, name] of projections) {
    if (!module.endsWith(projection)) continue;
    const attention = module.slice(0, -projection.length);
    return [`${attention}.processor.${name}`, `${attention}.${name}`];
  }
  return [];
}

const projections: readonly (readonly [string, string])[] = [
  [".to_q", "to_q_lora"],
  [".to_k", "to_k_lora"],
  [".to_v", "to_v_lora"],
  [".to_out.0", "to_out_lora"],
  [".q_proj", "to_q_lora"],
  [".k_proj", "to_k_lora"],
  [".v_proj", "to_v_lora"],
  [".out_proj", "to_out_lora"],
];

function underscored(path: string): string {
  return path.replaceAll(".", "_");
}
