/**
 * Which file is which part, in the two layouts that Apple's converter writes: `Resources/` with compiled models
 * (`Unet.mlmodelc`), and packages under the model's name (`Stable_Diffusion_version_…_unet.mlpackage`).
 */
import { coremlModels } from "../core/model_files.ts";
import type { ModelFolder } from "../weights/model_folder.ts";

/** A part's name in `Resources/`, with its name in packages. */
const packageNames = {
  TextEncoder: "text_encoder",
  TextEncoder2: "text_encoder_2",
  Unet: "unet",
  ControlledUnet: "control-unet",
  VAEDecoder: "vae_decoder",
  VAEEncoder: "vae_encoder",
} as const;

/** A part of a model. */
export type ApplePart = keyof typeof packageNames;

/** A folder of Core ML models. */
export class AppleLayout {
  readonly #folder: ModelFolder;
  readonly #models: readonly string[];

  /** @throws {TypeError} If the files are not on disk, where alone Core ML reads them. */
  constructor(folder: ModelFolder) {
    if (folder.path === undefined) {
      throw new TypeError(
        `Cannot open the model "${folder.name}": it is in memory, but Core ML reads from disk only.`,
      );
    }
    this.#folder = folder;
    this.#models = coremlModels(folder.files);
  }

  /** Paths of a part's models: none, one, or its chunks in order. Chunks and compiled models come first. */
  find(part: ApplePart): string[] {
    const chunks: string[] = [];
    for (let chunk; (chunk = this.#model(part, chunks.length + 1)) !== undefined;) chunks.push(chunk);
    const whole = this.#model(part);
    return chunks.length > 1 ? chunks : whole === undefined ? [] : [whole];
  }

  /**
   * As {@linkcode find}, but there must be one.
   *
   * @throws {TypeError} If the folder has no such part.
   */
  get(part: ApplePart): string[] {
    const paths = this.find(part);
    if (paths.length > 0) return paths;
    throw new TypeError(
      `Cannot open the model "${this.#folder.name}": it has no ${part}, expected ${part}.mlmodelc or ` +
        `…_${packageNames[part]}.mlpackage.`,
    );
  }

  /**
   * Path of a ControlNet: `controlnet/Canny.mlmodelc` and `ControlNet_Canny.mlpackage` are both "Canny".
   *
   * @throws {TypeError} If the folder has none of that name.
   */
  control(name: string): string {
    const names = this.#controls();
    const file = names.get(name);
    if (file !== undefined) return `${this.#folder.path}/${file}`;
    const found = names.size === 0 ? "it has none" : `expected one of ${[...names.keys()].sort().join(", ")}`;
    throw new TypeError(`Cannot open the ControlNet "${name}" of "${this.#folder.name}": ${found}.`);
  }

  /** Names of the ControlNets. */
  controls(): string[] {
    return [...this.#controls().keys()].sort();
  }

  #controls(): Map<string, string> {
    return new Map(this.#models.flatMap((file): [string, string][] => {
      const [, name] = /^(?:controlnet\/|ControlNet_)([^/]+)\.\w+$/.exec(file) ?? [];
      return name === undefined ? [] : [[name, file]];
    }));
  }

  #model(part: ApplePart, chunk?: number): string | undefined {
    const title = chunk === undefined ? part : `${part}Chunk${chunk}`;
    const source = chunk === undefined ? packageNames[part] : `${packageNames[part]}_chunk${chunk}`;
    const file = [`${title}.mlmodelc`, `${title}.mlpackage`].find((name) => this.#models.includes(name)) ??
      this.#models.find((name) => !name.includes("/") && name.endsWith(`_${source}.mlpackage`));
    return file && `${this.#folder.path}/${file}`;
  }
}
