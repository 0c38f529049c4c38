/**
 * Which file is which part, in the two layouts that Apple's converter writes: `Resources/` with compiled models
 * (`Unet.mlmodelc`), and packages under the model's name (`Stable_Diffusion_version_…_unet.mlpackage`).
 */
import type { ModelFolder } from "../model_folder.ts";

/** A part's name in `Resources/`, with its name in packages. */
const packageNames = {
  TextEncoder: "text_encoder",
  Unet: "unet",
  ControlledUnet: "control-unet",
  VAEDecoder: "vae_decoder",
  VAEEncoder: "vae_encoder",
} as const;

/** A part of a model. */
export type ApplePart = keyof typeof packageNames;

/** A folder of Core ML models. */
export class AppleLayout {
  readonly #names: ReadonlySet<string>;
  readonly #folder: ModelFolder;
  readonly #path: string;

  constructor(folder: ModelFolder, path: string) {
    this.#folder = folder;
    this.#path = path;
    this.#names = new Set([...folder.files].flatMap((file) => /^.*?\.(?:mlmodelc|mlpackage)(?=\/|$)/.exec(file) ?? []));
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

  /** Names of the ControlNets. */
  get controls(): string[] {
    const found = [...this.#names].flatMap((name) => controlName(name) ?? []);
    return [...new Set(found)].sort();
  }

  /**
   * Path of a ControlNet.
   *
   * @throws {TypeError} If the folder has no such ControlNet.
   */
  control(name: string): string {
    for (const file of [...this.#names].sort()) if (controlName(file) === name) return `${this.#path}/${file}`;
    throw new TypeError(
      `Cannot open the ControlNet "${name}" of "${this.#folder.name}": there is none of that name, expected one of ` +
        `${this.controls.join(", ") || "none"}.`,
    );
  }

  #model(part: ApplePart, chunk?: number): string | undefined {
    const title = chunk === undefined ? part : `${part}Chunk${chunk}`;
    const source = chunk === undefined ? packageNames[part] : `${packageNames[part]}_chunk${chunk}`;
    const name = [`${title}.mlmodelc`, `${title}.mlpackage`].find((name) => this.#names.has(name)) ??
      [...this.#names].find((name) => !name.includes("/") && name.endsWith(`_${source}.mlpackage`));
    return name && `${this.#path}/${name}`;
  }
}

/** `controlnet/Canny.mlmodelc` and `ControlNet_canny.mlpackage` are ControlNets. */
function controlName(file: string): string | undefined {
  return /^(?:controlnet\/|ControlNet_)([^/]+)\.\w+$/.exec(file)?.[1];
}
