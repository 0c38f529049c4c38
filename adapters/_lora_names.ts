/** How the tools that write LoRAs spell the modules of a network. */
import type { LoraTarget } from "./lora.ts";
import type { LoraModules } from "./lora_modules.ts";
import { sgmNames } from "./_sgm_names.ts";

/** A module of one of the networks. */
export interface Place {
  readonly target: LoraTarget;
  readonly module: string;
}

/** Whether a key is as PEFT by itself writes it, with alpha in a file of its own. */
export function isPeftKey(key: string): boolean {
  return key.startsWith("base_model.model.");
}

/** How a network's modules are spelled: every prefix before every name of a path. */
interface Conventions {
  /** Before paths with dots. */
  readonly dotted: readonly string[];
  /** Before paths with underscores. */
  readonly underscored: readonly string[];
  /** All names of a module's path, the model's own first. */
  names(module: string): readonly string[];
}

/** Every spelling of every module: what stands before `.lora_down.weight` and the like in a file. */
export function spellings(modules: LoraModules): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const target of ["textEncoder", "unet"] as const) { // the UNet's own names win where both have one
    const paths = [...modules[target]?.keys() ?? []];
    const { dotted, underscored, names } = target === "unet" ? unetConventions(paths) : textConventions;
    for (const module of paths) {
      const own = names(module);
      for (const prefix of dotted) for (const name of own) places.set(prefix + name, { target, module });
      for (const prefix of underscored) {
        for (const name of own) places.set(prefix + name.replaceAll(".", "_"), { target, module });
      }
    }
  }
  return places;
}

function unetConventions(paths: readonly string[]): Conventions {
  const original = sgmNames(paths);
  return {
    dotted: [
      "unet.", // diffusers, PEFT, OneTrainer
      "", // the same, saved for one network only
      "base_model.model.", // PEFT by itself
      "base_model.model.unet.",
      "unet.base_model.model.",
      "diffusion_model.", // ComfyUI
      "model.diffusion_model.",
    ],
    underscored: ["lora_unet_", "lycoris_", "diffusion_model_"], // kohya, LyCORIS, A1111
    names: (module) => [
      ...original.has(module) ? [original.get(module)!] : [],
      ...processorNames(module),
      module,
    ],
  };
}

const textConventions: Conventions = {
  dotted: [
    "text_encoder.",
    "",
    "base_model.model.",
    "base_model.model.text_encoder.",
    "text_encoder.base_model.model.",
    "text_encoders.clip_l.transformer.", // ComfyUI
    "text_encoders.clip_l.",
    "clip_l.transformer.",
    "clip_l.",
    "cond_stage_model.transformer.", // original checkpoints
  ],
  underscored: [
    "lora_te_",
    "lora_te1_", // of tools that count from one even where there is one
    "transformer_", // A1111, which numbers text encoders from zero
    "0_transformer_",
    "lora_te_transformer_",
    "lora_te_0_transformer_",
  ],
  names(module) {
    // The text model's own name is left out by some versions of its library.
    const own = module.startsWith("text_model.") ? [module, module.slice("text_model.".length)] : [module];
    const [, layer, inside] = module.match(/^text_model\.encoder\.layers\.(\d+)\.(.+)$/) ?? [];
    const open = openClip.get(inside ?? "");
    return [
      ...open === undefined
        ? []
        : [`resblocks.${layer}.${open}`, `model.transformer.resblocks.${layer}.${open}`],
      ...own.flatMap(processorNames),
      ...own,
    ];
  },
};

/** Modules of a text layer in OpenCLIP, whose names text encoders of 2.x keep in original files. */
const openClip: ReadonlyMap<string, string> = new Map([
  ["self_attn.out_proj", "attn.out_proj"],
  ["mlp.fc1", "mlp.c_fc"],
  ["mlp.fc2", "mlp.c_proj"],
  ["layer_norm1", "ln_1"],
  ["layer_norm2", "ln_2"],
]);

/** Until 2023 diffusers kept the factors of an attention's projections in its "processor". */
function processorNames(module: string): string[] {
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
