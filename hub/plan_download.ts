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
const leftOut = /^(?:safety_checker|feature_extractor|image_encoder)/;

/** What weights are called in the layouts of diffusers, transformers and PEFT. */
const stems = new Set(["diffusion_pytorch_model", "model", "pytorch_lora_weights"]);

/** Classes of components that have no weights. */
const weightless = /Tokenizer|Scheduler|Processor|FeatureExtractor/;

/**
 * Chooses the files that are needed to run a model, small ones first: for each component that
 * `model_index.json` names, or that has a folder with a configuration, that configuration and its weights as
 * safetensors; where the UNet is there as ONNX alone, each folder's `model.onnx` with its data. A repository of neither
 * kind, such as a ControlNet's or a LoRA's, is taken as one component; a single checkpoint as itself.
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
  if (isOnnx(all)) return planOnnx(all, options);
  const texts: string[] = index === undefined ? [] : ["model_index.json"];
  const weights: string[] = [];
  for (const { folder, needsWeights } of components(all, index)) {
    const own = filesIn(folder, all);
    if (own.length === 0) throw unsupported(folder, "has no files");
    const chosen = chooseWeights(folder, own, options);
    if (needsWeights && chosen.length === 0) throw unsupported(folder, lack(own));
    if (needsWeights && folder !== "" && !own.includes("config.json")) {
      throw unsupported(folder, "has no config.json");
    }
    if (folder.startsWith("tokenizer")) checkTokenizer(folder, own);
    texts.push(...own.filter(isText).map((name) => pathOf(folder, name)));
    weights.push(...chosen.map((name) => pathOf(folder, name)));
  }
  return [...new Set([...texts, ...weights])];
}

function pathOf(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Names of the files in a folder, without those in folders below. */
function filesIn(folder: string, all: readonly string[]): string[] {
  const prefix = pathOf(folder, "");
  return all.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length))
    .filter((name) => name !== "" && !name.includes("/"));
}

/** CLIP's vocabulary is in two files, or in one that holds both. */
function checkTokenizer(folder: string, own: readonly string[]): void {
  const [vocab, merges] = [own.includes("vocab.json"), own.includes("merges.txt")];
  if (own.includes("tokenizer.json") || vocab === merges) return;
  throw unsupported(folder, `has ${vocab ? "vocab.json but no merges.txt" : "merges.txt but no vocab.json"}`);
}

interface Component {
  /** Its folder; `""` is the repository itself. */
  readonly folder: string;
  readonly needsWeights: boolean;
}

/** Folders that the opener reads beside what an index names: other UNets, small VAEs, adapters of the model's own. */
const beside = /^((?:unet|vae|control|lora)_\w+|taesd)\//;

/** Those of the index, or of the folders where there is none, and what lies beside them. */
function components(
  paths: readonly string[],
  index: Readonly<Record<string, unknown>> | undefined,
): Component[] {
  const folders = new Set(paths.flatMap((path) => path.match(/^([^/]+)\//)?.[1] ?? []));
  if (index === undefined && !paths.includes("unet/config.json")) {
    const tokenizers = [...folders].filter((folder) => folder.startsWith("tokenizer"));
    return [
      { folder: "", needsWeights: true },
      ...tokenizers.map((folder) => ({ folder, needsWeights: false })),
    ];
  }
  const named = index === undefined
    ? [...folders].filter((folder) =>
      paths.includes(`${folder}/config.json`) || folder.startsWith("tokenizer")
    )
      .map((folder) => ({ folder, needsWeights: !folder.startsWith("tokenizer") }))
    : Object.entries(index).flatMap(([folder, value]) => {
      const [library, kind] = Array.isArray(value) ? value : [];
      return typeof library === "string" ? [{ folder, needsWeights: !weightless.test(String(kind)) }] : [];
    });
  const schedule = index === undefined && folders.has("scheduler")
    ? [{ folder: "scheduler", needsWeights: false }]
    : [];
  const others = new Set(
    paths.flatMap((path) => /\.safetensors$/.test(path) ? path.match(beside)?.[1] ?? [] : []),
  );
  for (const { folder } of named) others.delete(folder);
  return [...named, ...schedule, ...[...others].map((folder) => ({ folder, needsWeights: false }))]
    .filter(({ folder }) => !leftOut.test(folder));
}

/** Whether the UNet is there as ONNX and not as safetensors: the opener decides in the same way. */
function isOnnx(paths: readonly string[]): boolean {
  const has = (pattern: RegExp) => paths.some((path) => pattern.test(path));
  return has(/^unet\/[^/]+\.onnx$/) &&
    !(paths.includes("unet/config.json") && has(/^unet\/[^/]+\.safetensors$/));
}

/** Folders with an `.onnx` file, whatever an index calls them: exporters keep that of the original model. */
function planOnnx(all: readonly string[], { variant }: PlanOptions): string[] {
  const folders = [...new Set(all.flatMap((path) => path.match(/^([^/]+)\//)?.[1] ?? []))]
    .filter((folder) => !leftOut.test(folder));
  const texts = all.filter((path) => path === "model_index.json" || tokenizerName.test(path));
  const weights: string[] = [];
  for (const folder of folders) {
    const own = filesIn(folder, all);
    const models = own.filter((name) => name.endsWith(".onnx"));
    if (models.length === 0 && !/^(?:scheduler|tokenizer|vae$)/.test(folder)) continue;
    if (folder.startsWith("tokenizer")) checkTokenizer(folder, own);
    texts.push(...own.filter(isText).map((name) => pathOf(folder, name)));
    if (models.length === 0) continue;
    const wanted = variant === undefined
      ? ["model.onnx"]
      : [`model_${variant}.onnx`, `model.${variant}.onnx`];
    const chosen = wanted.find((name) => models.includes(name));
    if (chosen === undefined) {
      throw unsupported(
        folder,
        `has these ONNX models: ${models.join(", ")}, expected ${wanted.join(" or ")}`,
      );
    }
    weights.push(...[chosen, ...dataOf(chosen, models, own)].map((name) => pathOf(folder, name)));
  }
  return [...new Set([...texts, ...weights])];
}

/** CLIP's files at the root of an export. */
const tokenizerName =
  /^(?:tokenizer|tokenizer_config|vocab|special_tokens_map|added_tokens)\.json$|^merges\.txt$/;

/**
 * The files that may hold a model's weights: those that are called after it, and those that are called after no model
 * at all, for only the model itself names them.
 */
function dataOf(model: string, models: readonly string[], names: readonly string[]): string[] {
  const owner = (name: string) =>
    models.filter((other) =>
      name.startsWith(other.replace(/onnx$/, "")) || name.startsWith(`${other.slice(0, -5)}_data`)
    )
      .toSorted((a, b) => b.length - a.length).at(0);
  return names.filter((name) =>
    !/\.(?:onnx|json|txt|md|py|ort|png|jpg)$/.test(name) && !/\.(?:safetensors|msgpack|ckpt)$/.test(name) &&
    [undefined, model].includes(owner(name))
  );
}

/** Configuration and vocabulary; the index of shards goes with the weights that it is for. */
function isText(name: string): boolean {
  return /^[\w.-]+\.(json|txt)$/.test(name) && !/\.index(\.\w+)?\.json$/.test(name);
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
    const single = names.filter((name) =>
      /\.safetensors$/.test(name) && (variant === undefined || name.includes(variant))
    );
    return folder === "" && single.length === 1 ? single : []; // a checkpoint with the original names
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
