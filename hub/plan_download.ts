/**
 * Which files of a repository make up a model.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import {
  checkpointFiles,
  chooseCheckpoint,
  chooseWeights,
  coremlModels,
  hasVocabulary,
  isOnnxModel,
  isWeightsFile,
  onnxNames,
  shardsOf,
  TOKENIZER_FILES,
  vaeBeside,
  variantOf,
  weightsFiles,
} from "../core/model_files.ts";

/** What is chosen where a repository has alternatives. */
export interface PlanOptions {
  /**
   * The variant of the weights, such as `"fp16"`. Without it the plain ones, or else the only ones there are.
   */
  readonly variant?: string;
}

/** Components that the SDK does not run. */
const leftOut = /^(?:safety_checker|feature_extractor|image_encoder)/;

/** Classes of components that have no weights. */
const weightless = /Tokenizer|Scheduler|Processor|FeatureExtractor/;

/**
 * Chooses the files that are needed to run a model, small ones first: for each component that
 * `model_index.json` names, or that has a folder with a configuration, that configuration and its weights as
 * safetensors; where the UNet is there as ONNX alone, each folder's `model.onnx` with its data. All Core ML models at the
 * root, where there is no other. A repository of neither kind, such as a ControlNet's or a LoRA's, is taken as one component; a single checkpoint as itself.
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
  if (isOnnxModel(all)) return planOnnx(all, options);
  if (isCoreml(all, index)) return planCoreml(all);
  const texts: string[] = index === undefined ? [] : ["model_index.json"];
  const weights: string[] = [];
  for (const { folder, needsWeights } of components(all, index)) {
    const own = filesIn(folder, all);
    if (own.length === 0) throw unsupported(folder, "has no files");
    const chosen = weightsOf(folder, own, all, options);
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

/** Half a vocabulary, or none, is what an interrupted download leaves. */
function checkTokenizer(folder: string, own: readonly string[]): void {
  if (hasVocabulary(own) || own.some((name) => name.endsWith(".model"))) return; // SentencePiece's
  const [vocab, merges] = [own.includes("vocab.json"), own.includes("merges.txt")];
  if (!vocab && !merges) throw unsupported(folder, "has no vocabulary, expected vocab.json and merges.txt");
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
    paths.flatMap((path) => isWeightsFile(path) ? path.match(beside)?.[1] ?? [] : []),
  );
  for (const { folder } of named) others.delete(folder);
  return [...named, ...schedule, ...[...others].map((folder) => ({ folder, needsWeights: false }))]
    .filter(({ folder }) => !leftOut.test(folder));
}

/** Whether there are Core ML models at the root, and nothing else that is opened before them. */
function isCoreml(all: readonly string[], index: Readonly<Record<string, unknown>> | undefined): boolean {
  return index === undefined && !all.includes("unet/config.json") &&
    coremlModels(all).some((path) => !path.includes("/"));
}

/** All of every model, and the tokenizer. */
function planCoreml(all: readonly string[]): string[] {
  const models = coremlModels(all);
  const isIn = (path: string) => models.some((model) => path.startsWith(`${model}/`));
  return [...all.filter((path) => isTokenizerFile(path)), ...all.filter(isIn)];
}

/** Folders with an `.onnx` file, whatever an index calls them: exporters keep that of the original model. */
function planOnnx(all: readonly string[], { variant }: PlanOptions): string[] {
  const folders = [...new Set(all.flatMap((path) => path.match(/^([^/]+)\//)?.[1] ?? []))]
    .filter((folder) => !leftOut.test(folder));
  const texts = all.filter((path) => path === "model_index.json" || isTokenizerFile(path));
  const weights: string[] = [];
  for (const folder of folders) {
    const own = filesIn(folder, all);
    const models = own.filter((name) => name.endsWith(".onnx"));
    if (models.length === 0 && !/^(?:scheduler|tokenizer|vae$)/.test(folder)) continue;
    if (folder.startsWith("tokenizer")) checkTokenizer(folder, own);
    texts.push(...own.filter(isText).map((name) => pathOf(folder, name)));
    if (models.length === 0) continue;
    const wanted = onnxNames(variant);
    const chosen = wanted.find((name) => models.includes(name));
    if (chosen === undefined) {
      if (!neededAsOnnx.has(folder)) continue;
      throw unsupported(
        folder,
        `has these ONNX models: ${models.join(", ")}, expected ${wanted.join(" or ")}`,
      );
    }
    weights.push(...[chosen, ...dataOf(chosen, models, own)].map((name) => pathOf(folder, name)));
  }
  return [...new Set([...texts, ...weights])];
}

/** Networks without which an export is no model. */
const neededAsOnnx: ReadonlySet<string> = new Set(["unet", "text_encoder", "vae_decoder"]);

/** At the root, where some exports have them. */
function isTokenizerFile(path: string): boolean {
  return (TOKENIZER_FILES as readonly string[]).includes(path);
}

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

/** The weights that the opener would open, were all files here. */
function weightsOf(
  folder: string,
  names: readonly string[],
  all: readonly string[],
  { variant }: PlanOptions,
): readonly string[] {
  const present = weightsFiles(names);
  if (present.length === 0) return folder === "" ? checkpoint(names, variant) : [];
  const wanted = folder === "" ? variant : variantOf(folder, all, variant);
  const chosen = chooseWeights(names, wanted);
  if (chosen === undefined) {
    const variants = [...new Set(present.map((file) => file.variant))]
      .map((name) => name === undefined ? "plain" : `"${name}"`).join(", ");
    const expected = wanted === undefined ? "plain" : `"${wanted}"`;
    throw unsupported(folder, `has weights of these variants: ${variants}, expected ${expected}`);
  }
  if (!chosen.isIndex) return [chosen.name];
  const shards = shardsOf(chosen, names);
  if (shards.names.length === shards.count) return [chosen.name, ...shards.names];
  throw unsupported(folder, `has ${shards.names.length} of ${shards.count} shards of its weights`);
}

/** A checkpoint with the original names, and the VAE that lies beside it. */
function checkpoint(names: readonly string[], variant: string | undefined): string[] {
  const file = chooseCheckpoint(checkpointFiles(names), variant);
  if (file === undefined) return [];
  return [file, ...names.filter((name) => name === vaeBeside(file))];
}

function lack(names: readonly string[]): string {
  const pickle = names.find((name) => /\.(bin|ckpt|pth?)$/.test(name));
  if (pickle !== undefined) {
    return `has its weights as a pickle (${pickle}), which is never opened, expected safetensors`;
  }
  const other = names.find(isWeightsFile);
  if (other !== undefined) return `has weights of other names (${other}), expected "files" to say which`;
  return "has no weights, expected safetensors or ONNX";
}

function unsupported(folder: string, state: string): UnsupportedModelError {
  return new UnsupportedModelError(
    `Cannot plan the download: ${folder === "" ? "the repository" : `"${folder}"`} ${state}.`,
  );
}
