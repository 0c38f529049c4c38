/**
 * How the files of a model are called: one answer for who downloads them and for who opens them.
 *
 * @module
 */

/** What a component's weights are called before any suffix: by diffusers, by transformers, and a LoRA by diffusers. */
const stems = ["diffusion_pytorch_model", "model", "pytorch_lora_weights"];

/** A file that a component's weights are opened by. */
export interface WeightsFile {
  readonly name: string;
  readonly stem: string;
  /** `undefined` is the plain one. */
  readonly variant: string | undefined;
  /** Whether it only says which shards there are. */
  readonly isIndex: boolean;
}

/** Whether a file holds weights, by its name. */
export function isWeightsFile(name: string): boolean {
  return /\.(?:safetensors|gguf)$/i.test(name);
}

/** `STEM[.VARIANT].safetensors` or `.gguf`, or the index of shards, whose variant stands at one of two places. */
export function weightsFiles(names: readonly string[]): WeightsFile[] {
  return names.flatMap((name) => {
    const match = name.match(/^(\w+)(?:\.(\w+))?\.(?:gguf|safetensors(\.index(?:\.(\w+))?\.json)?)$/);
    const [, stem, early, index, late] = match ?? [];
    if (stem === undefined || !stems.includes(stem)) return [];
    return [{ name, stem, variant: early ?? late, isIndex: index !== undefined }];
  });
}

/**
 * The file of a component that is opened: of the variant, else the plain one, else of the only variant that there is. A
 * GGUF file may have any name where it is the only one.
 *
 * @param names Names of the files in its folder.
 */
export function chooseWeights(
  names: readonly string[],
  variant: string | undefined,
): WeightsFile | undefined {
  const files = weightsFiles(names);
  const [gguf, ...others] = names.filter((name) => /\.gguf$/i.test(name));
  if (files.length === 0 && gguf !== undefined && others.length === 0) {
    return { name: gguf, stem: stems[0]!, variant, isIndex: false };
  }
  const variants = new Set(files.map((file) => file.variant));
  const wanted = variant ?? (variants.size === 1 ? files[0]!.variant : undefined);
  return files.filter((file) => file.variant === wanted)
    .toSorted((a, b) =>
      stems.indexOf(a.stem) - stems.indexOf(b.stem) || Number(a.isIndex) - Number(b.isIndex)
    )
    .at(0);
}

/**
 * The shards that go with an index: their names, and how many they say that there are.
 *
 * @param names Names of the files in its folder.
 */
export function shardsOf(
  { stem, variant }: WeightsFile,
  names: readonly string[],
): { readonly names: readonly string[]; readonly count: number } {
  const shards = names.flatMap((name) => {
    const match = name.match(/^(\w+?)(?:\.(\w+))?-\d{5}-of-(\d{5})(?:\.(\w+))?\.safetensors$/);
    const [, own, early, count, late] = match ?? [];
    return own === stem && (early ?? late) === variant ? [{ name, count: Number(count) }] : [];
  });
  return { names: shards.map(({ name }) => name), count: shards[0]?.count ?? 1 };
}

/**
 * The variant that a component is opened in: one that only some components have leaves the others as they are, as in
 * diffusers.
 *
 * @param paths Paths of all files of the model.
 */
export function variantOf(
  component: string,
  paths: readonly string[],
  variant: string | undefined,
): string | undefined {
  if (variant === undefined) return undefined;
  const having = new Set(paths.flatMap((path) => {
    const [, folder, name] = path.match(/^(\w+)\/([^/]+)$/) ?? [];
    return name !== undefined && weightsFiles([name]).some((file) => file.variant === variant)
      ? [folder]
      : [];
  }));
  return having.size > 0 && !having.has(component) ? undefined : variant;
}

/** Whether a model's UNet is there as ONNX, and not as weights. */
export function isOnnxModel(paths: readonly string[]): boolean {
  const has = (pattern: RegExp) => paths.some((path) => pattern.test(path));
  return has(/^unet\/[^/]+\.onnx$/) &&
    !(paths.includes("unet/config.json") && has(/^unet\/[^/]+\.(?:safetensors|gguf)$/));
}

/** What a component's ONNX model may be called: the plain one, or that of a variant. */
export function onnxNames(variant: string | undefined): string[] {
  return variant === undefined ? ["model.onnx"] : [`model_${variant}.onnx`, `model.${variant}.onnx`];
}

/** Core ML models, by their paths: each is a folder. */
export function coremlModels(paths: Iterable<string>): string[] {
  const models = [...paths].flatMap((path) => /^.*?\.(?:mlmodelc|mlpackage)(?=\/|$)/.exec(path) ?? []);
  return [...new Set(models)].sort();
}

/** Files that CLIP's tokenizer is made from. */
export const TOKENIZER_FILES = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
] as const;

/** Whether there is a vocabulary: in one file, or in two. */
export function hasVocabulary(names: readonly string[]): boolean {
  return names.includes("tokenizer.json") || names.includes("vocab.json") && names.includes("merges.txt");
}

/** Checkpoints at the root of a model: single files, without the VAEs that lie beside them. */
export function checkpointFiles(paths: Iterable<string>): string[] {
  const all = [...paths].filter((path) => !path.includes("/") && isWeightsFile(path)).sort();
  return all.filter((file) => !all.some((other) => other !== file && vaeBeside(other) === file));
}

/** The checkpoint that is opened: the one of that name, or the only one with the variant in its name. */
export function chooseCheckpoint(files: readonly string[], variant: string | undefined): string | undefined {
  const fitting = variant === undefined ? files : files.filter((file) => file.includes(variant));
  const exact = (file: string) => file.replace(/\.\w+$/, "") === variant;
  return fitting.find(exact) ?? (fitting.length === 1 ? fitting[0] : undefined);
}

/** The VAE that lies beside a checkpoint, if there is one. */
export function vaeBeside(checkpoint: string): string {
  return checkpoint.replace(/\.(?:safetensors|gguf)$/i, ".vae.safetensors");
}
