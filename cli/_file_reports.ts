/** What a single `.safetensors` or `.gguf` file holds, told by its header. */
import { adapterKinds } from "../adapters/kinds/mod.ts";
import { parseKey } from "../adapters/_lora_keys.ts";
import { openLoraFile } from "../adapters/open_lora_file.ts";
import { sizeOf } from "../core/tensor.ts";
import { isCheckpoint } from "../weights/checkpoint_config.ts";
import { splitCheckpointParts } from "../weights/checkpoint.ts";
import { isXlCheckpoint, splitXlCheckpoint } from "../weights/checkpoint_xl.ts";
import { storedBytes } from "../weights/encoding.ts";
import { networkFile } from "../weights/network_file.ts";
import type { WeightInfo, Weights } from "../weights/weights.ts";
import { openWeightsFile } from "../weights/weights_file.ts";

/** One part of a file or folder. */
export interface ComponentReport {
  /** Its folder, its role in a file, or the file's name. */
  readonly component: string;
  /** Its class, as its `config.json` names it, or what it is. */
  readonly kind: string;
  /** Element types of its tensors; of encoded ones, what they are encoded as. */
  readonly dtypes: readonly string[];
  /** Bits of storage for each parameter, scales included. */
  readonly bits: number;
  /** Number of tensors. */
  readonly tensors: number;
  /** Number of parameters. */
  readonly parameters: number;
  /** Size of its weights in bytes. */
  readonly bytes: number;
}

/** The networks of a checkpoint; or the one thing that the file is. */
export async function fileReports(
  path: string,
  name: string = path.replace(/^.*[/\\]|\.\w+$/g, ""),
): Promise<ComponentReport[]> {
  await using file = /\.gguf$/i.test(path) ? await openWeightsFile(path) : await openLoraFile(path);
  if (isXlCheckpoint(new Set(file.names()))) {
    const { unet, vae, textEncoder, textEncoder2 } = splitXlCheckpoint(file);
    const roles = { text_encoder: textEncoder, text_encoder_2: textEncoder2, unet, vae };
    return Object.entries(roles).flatMap(([role, network]) =>
      network === undefined ? [] : [componentOf(role, String(network.config["_class_name"]), network.weights)]
    );
  }
  if (isCheckpoint(file)) {
    const { unet, vae, textEncoder } = splitCheckpointParts(file);
    return Object.entries({ text_encoder: textEncoder, unet, vae }).flatMap(([role, network]) =>
      network === undefined ? [] : [componentOf(role, String(network.config["_class_name"]), network.weights)]
    );
  }
  return [componentOf(name, kindOf(file), file)];
}

/** The report of some weights. */
export function componentOf(component: string, kind: string, weights: Weights): ComponentReport {
  const infos = [...weights.names()].map((name) => weights.info(name)!);
  const parameters = infos.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const bytes = infos.reduce((sum, info) => sum + storedBytes(info), 0);
  return {
    component,
    kind,
    dtypes: [...new Set(infos.map(typeName))].sort(),
    tensors: infos.length,
    parameters,
    bytes,
    bits: parameters === 0 ? 0 : 8 * bytes / parameters,
  };
}

function typeName({ dtype, encoding }: WeightInfo): string {
  if (encoding === undefined) return dtype;
  return encoding.kind === "scaled" ? `${dtype} scaled` : encoding.kind;
}

/** A LoRA by its kinds of adapters and number of modules, an embedding, or a network. */
function kindOf(file: Weights): string {
  const kinds = adapterKinds();
  const modules = new Map<string, Set<string>>();
  for (const key of file.names()) {
    const parsed = parseKey(key, kinds);
    if (parsed === undefined || parsed.role === "alpha" || parsed.role === "scalar") continue;
    modules.set(parsed.stem, (modules.get(parsed.stem) ?? new Set()).add(parsed.role));
  }
  if (modules.size > 0) {
    const used = kinds.filter((kind) => [...modules.values()].some((roles) => kind.recognises(roles)));
    return `${used.map(({ kind }) => kind).join(", ")} for ${modules.size} modules`;
  }
  const names = [...file.names()];
  const shape = file.info(names[0] ?? "")?.shape ?? [];
  if (names.length === 1 && shape.length > 0 && shape.length <= 2) {
    return `embedding of ${shape.length === 1 ? 1 : shape[0]} tokens, ${shape.at(-1)} wide`;
  }
  return networkFile(file).kind;
}
