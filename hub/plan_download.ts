/**
 * Which files of a repository make up a model.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";

/** What is chosen where a repository has alternatives. */
export interface PlanOptions {
  /**
   * The variant of the weights, such as `"fp16"`. Without it the plain ones, or else the only ones there are.
   */
  readonly variant?: string;
}

/** Components that the SDK does not run. */
const leftOut = new Set(["safety_checker", "feature_extractor", "image_encoder"]);

/** What weights are called in the layouts of diffusers, transformers and PEFT. */
const stems = new Set(["diffusion_pytorch_model", "model", "pytorch_lora_weights"]);

/** Classes of components that have no weights. */
const weightless = /Tokenizer|Scheduler|Processor|FeatureExtractor/;

/**
 * Chooses the files that are needed to run a model, small ones first: for each component that
 * `model_index.json` names its configuration, and its weights as safetensors, or as ONNX where there are
 * none. A repository without `model_index.json`, such as a ControlNet's or a LoRA's, is taken as one
 * component.
 *
 * @param paths All files of the repository, with "/" between names.
 * @param index The content of its `model_index.json`, if it has one.
 * @returns Paths in the order in which to get them. Every one of them is in `paths`.
 * @throws {UnsupportedModelError} If weights are missing, or are only there as pickles or another variant.
 *
 * @example
 * ```ts
 * import { planDownload } from "@mobile-diffusion/sdk/hub";
 *
 * planDownload(["README.md", "config.json", "model.safetensors", "model.bin"]);
 * // ["config.json", "model.safetensors"]
 * ```
 */
export function planDownload(
  paths: Iterable<string>,
  index?: Readonly<Record<string, unknown>>,
  options: PlanOptions = {},
): string[] {
  const all = [...paths].sort();
  const texts: string[] = index === undefined ? [] : ["model_index.json"];
  const weights: string[] = [];
  for (const { folder, needsWeights } of components(all, index)) {
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = all.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
    const own = names.filter((name) => !name.includes("/"));
    if (own.length === 0) throw unsupported(folder, "has no files");
    const chosen = chooseWeights(folder, own, options);
    if (needsWeights && chosen.length === 0) throw unsupported(folder, lack(own));
    texts.push(...own.filter(isText).map((name) => prefix + name));
    weights.push(...chosen.map((name) => prefix + name));
  }
  return [...new Set([...texts, ...weights])];
}

interface Component {
  /** Its folder; `""` is the repository itself. */
  readonly folder: string;
  readonly needsWeights: boolean;
}

/** Those of the index, and UNets beside the ordinary one: `unet_ufogen/` and the like. */
function components(
  paths: readonly string[],
  index: Readonly<Record<string, unknown>> | undefined,
): Component[] {
  if (index === undefined) return [{ folder: "", needsWeights: true }];
  const named = Object.entries(index).flatMap(([folder, value]) => {
    const [library, kind] = Array.isArray(value) ? value : [];
    if (typeof library !== "string" || leftOut.has(folder)) return [];
    return [{ folder, needsWeights: !weightless.test(String(kind)) }];
  });
  const others = paths.flatMap((path) => path.match(/^(unet_\w+)\/config\.json$/)?.[1] ?? [])
    .filter((folder) => !named.some((component) => component.folder === folder));
  return [...named, ...others.map((folder) => ({ folder, needsWeights: true }))];
}

/** Configuration and vocabulary; the index of shards goes with the weights that it is for. */
function isText(name: string): boolean {
  return /\.(json|txt)$/.test(name) && !/\.index(\.\w+)?\.json$/.test(name);
}

interface WeightsName {
  readonly name: string;
  readonly stem: string;
  readonly variant: string;
  /** How many shards there are in all; 0 for one file. */
  readonly shards: number;
}

/** `STEM[.VARIANT][-00001-of-00002][.VARIANT].safetensors`; no variant is `""`. */
function parseWeights(name: string): WeightsName[] {
  const match = name.match(/^(\w+?)(?:\.(\w+))?(?:-\d{5}-of-(\d{5}))?(?:\.(\w+))?\.safetensors$/);
  if (match === null) return [];
  const [, stem = "", early, shards = "0", late] = match;
  return [{ name, stem, variant: early ?? late ?? "", shards: Number(shards) }];
}

function chooseWeights(folder: string, names: readonly string[], { variant }: PlanOptions): string[] {
  const candidates = names.flatMap(parseWeights).filter(({ stem }) => stems.has(stem));
  if (candidates.length === 0) {
    return names.filter((name) => /\.onnx$|\.onnx_data|\.onnx\.data$|^weights\.pb$/.test(name));
  }
  const variants = [...new Set(candidates.map((file) => file.variant))];
  const wanted = variant ?? (variants.length === 1 ? variants[0] : "");
  const chosen = candidates.filter((file) => file.variant === wanted);
  if (chosen.length === 0) {
    const present = variants.map((name) => name === "" ? "plain" : `"${name}"`).join(", ");
    throw unsupported(
      folder,
      `has weights of these variants: ${present}, expected ${wanted ? `"${wanted}"` : "plain"}`,
    );
  }
  const whole = chosen.filter(({ shards }) => shards === 0);
  if (whole.length > 0) return whole.map(({ name }) => name);
  if (chosen.length !== chosen[0]!.shards) {
    throw unsupported(folder, `has ${chosen.length} of ${chosen[0]!.shards} shards of its weights`);
  }
  const indices = names.filter((name) => {
    const [, early, late] = name.match(/^\w+(?:\.(\w+))?\.safetensors\.index(?:\.(\w+))?\.json$/) ?? [];
    return name.includes(".safetensors.index") && (early ?? late ?? "") === wanted;
  });
  return [...indices, ...chosen.map(({ name }) => name)];
}

function lack(names: readonly string[]): string {
  const pickle = names.find((name) => /\.(bin|ckpt|pth?)$/.test(name));
  if (pickle !== undefined) {
    return `has its weights as a pickle (${pickle}), which is never opened, expected safetensors`;
  }
  const other = names.find((name) => name.endsWith(".safetensors"));
  if (other !== undefined) return `has weights of other names (${other}), expected "files" to say which`;
  return "has no weights, expected safetensors or ONNX";
}

function unsupported(folder: string, state: string): UnsupportedModelError {
  return new UnsupportedModelError(
    `Cannot plan the download: ${folder === "" ? "the repository" : `"${folder}"`} ${state}.`,
  );
}
