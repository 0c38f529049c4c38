/**
 * One network in one file without a `config.json`: what it is, and its configuration, told from the names and shapes of
 * its tensors, whether they are original ones or those of diffusers.
 *
 * @module
 */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { count } from "./_checkpoint_part.ts";
import type { Json } from "../core/json.ts";
import { inferUnet } from "./_checkpoint_unet.ts";
import { inferVae } from "./_checkpoint_vae.ts";
import { type NameMap, unetNames, vaeNames } from "./checkpoint_map.ts";
import { currentAttentionNames } from "./legacy_attention.ts";
import { renameWeights, type TensorSource } from "./rename.ts";
import type { Weights } from "./weights.ts";

/** A network found in a file. */
export interface NetworkFile {
  /** Its class, as `config.json` would name it. */
  readonly kind:
    | "AutoencoderKL"
    | "AutoencoderTiny"
    | "UNet2DConditionModel"
    | "ControlNetModel"
    | "T2IAdapter";
  /** Its `config.json`; what shapes do not tell has the value that published models have. */
  readonly config: Json;
  /** Its tensors under diffusers' names. Disposing them disposes the file's. */
  readonly weights: Weights;
}

/** Options of {@linkcode networkFile}. */
export interface NetworkFileOptions {
  /** Fields of the configuration that shapes do not tell, as `norm_num_groups`. */
  readonly fields?: Json;
  /** Which kinds it may be, where the file may hold several. @default {all} */
  readonly kinds?: readonly NetworkFile["kind"][];
}

/** How a kind of network is told and read; `undefined` where the names are not its own. */
type Reader = (weights: Weights) => NetworkFile | undefined;

/**
 * Tells which network a file holds: a VAE, a tiny VAE, a UNet, a ControlNet or a T2I-Adapter. Only shapes are read.
 *
 * @throws {WeightsError} If it holds none of them, or part of one.
 * @throws {UnsupportedModelError} If it is a ControlNet as changes of a model's weights.
 *
 * @example
 * ```ts ignore
 * import { networkFile, openSafetensors } from "@mobile-diffusion/sdk/weights";
 *
 * await using file = await openSafetensors("vae-ft-mse-840000-ema-pruned.safetensors");
 * console.log(networkFile(file).kind); // AutoencoderKL
 * ```
 */
export function networkFile(weights: Weights, { fields = {}, kinds }: NetworkFileOptions = {}): NetworkFile {
  const found = networksIn(weights);
  const network = found.find(({ kind }) => kinds?.includes(kind) ?? true);
  if (network !== undefined) return { ...network, config: { ...network.config, ...fields } };
  const names = [...weights.names()];
  const some = names.slice(0, 3).map((name) => JSON.stringify(name)).join(", ");
  const state = found.length > 0
    ? `it is a ${found[0]!.kind}`
    : `it has ${names.length} tensors (${some}) and is no network that is known`;
  throw new WeightsError(
    `Cannot take a network from the file: ${state}, expected ${(kinds ?? allKinds).join(" or ")}.`,
  );
}

/** Names may all stand behind one word, as `unet.`, which some programs put there. */
function networksIn(weights: Weights): readonly NetworkFile[] {
  const found = readers.map((read) => read(weights)).filter((network) => network !== undefined);
  const names = [...weights.names()];
  const [, word] = names[0]?.match(/^([a-z_]+\.)./) ?? [];
  if (found.length > 0 || word === undefined || !names.every((name) => name.startsWith(word))) return found;
  return networksIn(renameWeights(weights, new Map(names.map((name) => [name.slice(word.length), name]))));
}

const allKinds: readonly NetworkFile["kind"][] = [
  "AutoencoderKL",
  "AutoencoderTiny",
  "UNet2DConditionModel",
  "ControlNetModel",
  "T2IAdapter",
];

const unet: Reader = (weights) => {
  const prefix = prefixOf(
    weights,
    ["model.diffusion_model.", "diffusion_model.", ""],
    "input_blocks.0.0.weight",
  );
  if (prefix !== undefined) {
    const { config, layout } = inferUnet(weights, hintsOf(weights, prefix), prefix);
    return {
      kind: "UNet2DConditionModel",
      config,
      weights: renameWeights(weights, unetNames(layout, prefix)),
    };
  }
  if (!has(weights, "conv_in.weight") || !has(weights, "down_blocks.0.resnets.0.conv1.weight")) {
    return undefined;
  }
  const original = asOriginal(weights, unetNames(unetLayout(weights), ""));
  return {
    kind: "UNet2DConditionModel",
    config: inferUnet(original, hintsOf(original, ""), "").config,
    weights,
  };
};

const controlNet: Reader = (weights) => {
  refuseChanges(weights);
  const prefix = prefixOf(weights, ["control_model.", ""], "input_hint_block.0.weight");
  if (prefix !== undefined) {
    const { config, layout } = inferUnet(weights, hintsOf(weights, prefix), prefix);
    const names = new Map<string, TensorSource>([
      ...unetNames(layout, prefix),
      ...controlNames(weights, prefix),
    ]);
    return control(config, renameWeights(weights, names));
  }
  if (!has(weights, "controlnet_cond_embedding.conv_in.weight")) return undefined;
  const original = asOriginal(weights, unetNames(unetLayout(weights), ""));
  return control(inferUnet(original, hintsOf(original, ""), "").config, weights);
};

/** Marker tensors of ControlNets that are changes of a UNet's weights, which their names alone do not tell. */
const changes: Readonly<Record<string, string>> = {
  difference: "the difference between a ControlNet and its model",
  lora_controlnet: "a ControlNet as a LoRA of its model",
};

function refuseChanges(weights: Weights): void {
  const marker = Object.keys(changes).find((name) => has(weights, name));
  if (marker === undefined) return;
  throw new UnsupportedModelError(
    `Cannot take a network from the file: its marker "${marker}" says that it is ${
      changes[marker]
    }, expected whole weights.`,
  );
}

function control(encoder: Json, weights: Weights): NetworkFile {
  const path = "controlnet_cond_embedding";
  const width = (layer: string) => weights.info(`${path}.${layer}.weight`)?.shape[0];
  // Every second block halves the picture and takes the next width.
  const blocks = count((i) => has(weights, `${path}.blocks.${i}.weight`));
  const widths = [
    width("conv_in"),
    ...Array.from({ length: blocks / 2 }, (_, i) => width(`blocks.${2 * i + 1}`)),
  ];
  const config = {
    ...encoder,
    _class_name: "ControlNetModel",
    conditioning_channels: weights.info(`${path}.conv_in.weight`)?.shape[1] ?? 3,
    conditioning_embedding_out_channels: widths,
  };
  return { kind: "ControlNetModel", config, weights };
}

/** The picture's convolutions, with an activation behind each, and the convolutions at the outputs. */
function* controlNames(weights: Weights, prefix: string): Iterable<[string, TensorSource]> {
  const hints = count((i) => has(weights, `${prefix}input_hint_block.${2 * i}.weight`));
  const zeros = count((i) => has(weights, `${prefix}zero_convs.${i}.0.weight`));
  const modules: [string, string][] = [
    ...Array.from({ length: hints }, (_, i): [string, string] => [
      `controlnet_cond_embedding.${i === 0 ? "conv_in" : i === hints - 1 ? "conv_out" : `blocks.${i - 1}`}`,
      `input_hint_block.${2 * i}`,
    ]),
    ...Array.from(
      { length: zeros },
      (_, i): [string, string] => [`controlnet_down_blocks.${i}`, `zero_convs.${i}.0`],
    ),
    ["controlnet_mid_block", "middle_block_out.0"],
  ];
  for (const [name, original] of modules) {
    for (const leaf of ["weight", "bias"]) {
      yield [`${name}.${leaf}`, { name: `${prefix}${original}.${leaf}` }];
    }
  }
}

const t2iAdapter: Reader = (weights) => {
  const isOurs = has(weights, "adapter.body.0.resnets.0.block1.weight");
  const isFull = has(weights, "conv_in.weight") && has(weights, "body.0.block1.weight");
  const isLight = has(weights, "body.0.in_conv.weight") && has(weights, "body.0.body.0.block1.weight");
  if (!isOurs && !isFull && !isLight) return undefined;
  const named = isOurs ? weights : renameWeights(weights, adapterNames(weights, isLight));
  const shape = (name: string) => named.info(`adapter.${name}.weight`)?.shape ?? [];
  const light = !has(named, "adapter.conv_in.weight");
  const levels = count((i) => has(named, `adapter.body.${i}.resnets.0.block1.weight`));
  const widths = Array.from(
    { length: levels },
    (_, i) => shape(light ? `body.${i}.out_conv` : `body.${i}.resnets.0.block1`)[0]!,
  );
  const folded = 64; // pixels of a cell of 8 × 8, which become channels
  const config = {
    _class_name: "T2IAdapter",
    adapter_type: light ? "light_adapter" : "full_adapter",
    channels: light ? widths.slice(0, -1) : widths, // of a light one the last level repeats the width before
    downscale_factor: 8,
    in_channels: shape(light ? "body.0.in_conv" : "conv_in")[1]! / folded,
    num_res_blocks: count((i) => has(named, `adapter.body.0.resnets.${i}.block1.weight`)),
  };
  return { kind: "T2IAdapter", config, weights: named };
};

/** The original code numbers the blocks of all levels through; a level has two. */
function adapterNames(weights: Weights, light: boolean): NameMap {
  const perLevel = 2;
  const names = new Map<string, TensorSource>();
  for (const name of weights.names()) {
    const [, block = "", rest = ""] = name.match(/^body\.(\d+)\.(.+)$/) ?? [];
    const [level, inner] = [Math.floor(Number(block) / perLevel), Number(block) % perLevel];
    const place = block === ""
      ? name
      : light
      ? `body.${block}.${rest.replace(/^body\.(\d+)/, "resnets.$1")}`
      : rest.startsWith("in_conv.")
      ? `body.${level}.${rest}`
      : `body.${level}.resnets.${inner}.${rest}`;
    names.set(`adapter.${place}`, { name });
  }
  return names;
}

const vae: Reader = (weights) => {
  const marker = "encoder.down.0.block.0.conv1.weight";
  const prefix = prefixOf(weights, ["first_stage_model.", "vae.", ""], marker);
  if (prefix !== undefined) {
    const { config, layout } = inferVae(weights, { prefix });
    return { kind: "AutoencoderKL", config, weights: renameWeights(weights, vaeNames(layout, prefix)) };
  }
  if (!has(weights, "encoder.down_blocks.0.resnets.0.conv1.weight")) return undefined;
  const named = currentAttentionNames(weights);
  const levels = count((i) => has(named, `encoder.down_blocks.${i}.resnets.0.conv1.weight`));
  const layers = count((i) => has(named, `encoder.down_blocks.0.resnets.${i}.conv1.weight`));
  const original = asOriginal(named, vaeNames({ levels, layers }, ""));
  return { kind: "AutoencoderKL", config: inferVae(original, { prefix: "" }).config, weights: named };
};

/** As diffusers saves it, or one half of it with its layers numbered, of which the decoder's first has no weights. */
const tinyVae: Reader = (weights) => {
  const config = { _class_name: "AutoencoderTiny" };
  if (has(weights, "decoder.layers.0.weight")) return { kind: "AutoencoderTiny", config, weights };
  const isDecoder = has(weights, "1.weight") && !has(weights, "0.weight") && has(weights, "3.conv.0.weight");
  const isEncoder = has(weights, "0.weight") && has(weights, "1.conv.0.weight");
  if (!isDecoder && !isEncoder) return undefined;
  const names = new Map<string, TensorSource>();
  for (const name of weights.names()) {
    const [, index, rest] = name.match(/^(\d+)\.(.+)$/) ?? [];
    if (index !== undefined) {
      names.set(
        isDecoder ? `decoder.layers.${Number(index) - 1}.${rest}` : `encoder.layers.${index}.${rest}`,
        { name },
      );
    }
  }
  return { kind: "AutoencoderTiny", config, weights: renameWeights(weights, names) };
};

function has(weights: Weights, name: string): boolean {
  return weights.info(name) !== undefined;
}

function prefixOf(weights: Weights, prefixes: readonly string[], marker: string): string | undefined {
  return prefixes.find((prefix) => has(weights, prefix + marker));
}

/** Of Stable Diffusion 2.x text has 1024 numbers a token, and heads are 64 wide. */
function hintsOf(
  weights: Weights,
  prefix: string,
): { readonly wideHeads: boolean; readonly sampleSize: number } {
  const text = weights.info(`${prefix}middle_block.1.transformer_blocks.0.attn2.to_k.weight`);
  return { wideHeads: text?.shape[1] === 1024, sampleSize: 64 };
}

/** What diffusers' names tell of a UNet. */
function unetLayout(weights: Weights): Parameters<typeof unetNames>[0] {
  const levels = count((i) => has(weights, `down_blocks.${i}.resnets.0.conv1.weight`));
  return {
    attention: Array.from(
      { length: levels },
      (_, i) => has(weights, `down_blocks.${i}.attentions.0.norm.weight`),
    ),
    layers: count((i) => has(weights, `down_blocks.0.resnets.${i}.conv1.weight`)),
    depth: count((i) => has(weights, `mid_block.attentions.0.transformer_blocks.${i}.norm1.weight`)),
  };
}

/** A view under original names, for shapes alone. */
function asOriginal(weights: Weights, names: NameMap): Weights {
  return renameWeights(weights, new Map([...names].map(([name, { name: original }]) => [original, name])));
}

/** ControlNets before the UNets whose names they share. */
const readers: readonly Reader[] = [controlNet, t2iAdapter, unet, vae, tinyVae];
