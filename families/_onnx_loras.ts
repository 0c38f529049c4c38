/** The LoRAs of an ONNX folder: merged into the bytes of its networks when they are loaded. */
import {
  type ActiveLora,
  type LoraTarget,
  mergeLoraIntoOnnx,
  onnxModules,
  readLora,
} from "../adapters/mod.ts";
import type { OnnxSource } from "../backends/backend.ts";
import type { LoraInput } from "../core/model.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { onnxBytes, onnxSource } from "../layouts/_onnx_files.ts";

/** Which network a component is, for a LoRA. */
function targetOf(component: string): LoraTarget | undefined {
  if (component === "text_encoder") return "textEncoder";
  return /^unet(_|$)/.test(component) ? "unet" : undefined;
}

/** The LoRAs in use, and how a network is loaded with them. */
export class OnnxLoras {
  readonly #folder: ModelFolder;
  readonly #fileOf: (component: string) => string | undefined;
  #active: readonly ActiveLora[] = [];

  /** Starts without any. */
  constructor(folder: ModelFolder, fileOf: (component: string) => string | undefined) {
    this.#folder = folder;
    this.#fileOf = fileOf;
  }

  /** Reads and checks all files, then puts them in place of the present ones. */
  async set(inputs: readonly LoraInput[]): Promise<string[]> {
    const modules = async (component: string) => {
      const file = this.#fileOf(component);
      return file === undefined ? new Map() : onnxModules(await this.#folder.read(file));
    };
    const known = { unet: await modules("unet"), textEncoder: await modules("text_encoder") };
    const active: ActiveLora[] = [];
    for (const { source, scale = 1, strict = true } of inputs) {
      await using file = await openSafetensors(source);
      active.push({ lora: await readLora(file, known, { strict }), scale });
    }
    this.#active = active;
    return active.flatMap(({ lora }) => lora.unmatched);
  }

  /** What a backend loads: the file by its path, or its bytes with the LoRAs merged. */
  async source(component: string, file: string): Promise<OnnxSource> {
    const target = targetOf(component);
    if (target === undefined || this.#active.length === 0) return await onnxSource(this.#folder, file);
    const bytes = await onnxBytes(this.#folder, file);
    mergeLoraIntoOnnx(bytes, target, this.#active);
    return { kind: "onnx", ...bytes };
  }
}
