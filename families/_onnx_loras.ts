/** The LoRAs of an ONNX folder: merged into the bytes of its networks when they are loaded. */
import {
  type ActiveLora,
  type LoraTarget,
  mergeLoraIntoOnnx,
  onnxModules,
  openLoraFile,
  readLora,
  type WeightAdapter,
} from "../adapters/mod.ts";
import type { OnnxSource } from "../backends/backend.ts";
import type { LoraInput } from "../core/model.ts";
import type { OpenModelOptions } from "./open_options.ts";
import type { Components } from "./components.ts";

/** Which network a component is, for a LoRA. */
function targetOf(component: string): LoraTarget | undefined {
  if (component === "text_encoder") return "textEncoder";
  return /^unet(_|$)/.test(component) ? "unet" : undefined;
}

/** The LoRAs in use, and how a network is loaded with them. */
export class OnnxLoras {
  readonly #files: Components;
  readonly #adapters: readonly WeightAdapter[];
  #active: readonly ActiveLora[] = [];

  /** Starts without any. */
  constructor(files: Components, { adapters = [] }: Pick<OpenModelOptions, "adapters"> = {}) {
    this.#files = files;
    this.#adapters = adapters;
  }

  /** Reads and checks all files, then puts them in place of the present ones. */
  async set(inputs: readonly LoraInput[], onWarning?: (message: string) => void): Promise<string[]> {
    const modules = async (role: string) => {
      const program = this.#files.program(role);
      return program?.kind === "onnx" ? onnxModules(await program.model()) : new Map();
    };
    const known = { unet: await modules("unet"), textEncoder: await modules("text_encoder") };
    const active: ActiveLora[] = [];
    for (const { source, scale = 1, strict = true } of inputs) {
      await using file = await openLoraFile(source);
      const options = { strict, adapters: this.#adapters, ...onWarning !== undefined && { onWarning } };
      active.push({ lora: await readLora(file, known, options), scale });
    }
    this.#active = active;
    return active.flatMap(({ lora }) => lora.unmatched);
  }

  /**
   * What a backend loads: the file by its path, or its bytes with the LoRAs merged.
   *
   * @throws {TypeError} If the network has no ONNX model.
   */
  async source(role: string): Promise<OnnxSource> {
    const program = this.#files.need(role);
    if (program.kind !== "onnx") {
      throw new TypeError(`Cannot load the ${role} of "${this.#files.name}": it is no ONNX model.`);
    }
    const target = targetOf(role);
    if (target === undefined || this.#active.length === 0) return await program.source();
    const bytes = await program.bytes();
    mergeLoraIntoOnnx(bytes, target, this.#active);
    return { kind: "onnx", ...bytes };
  }
}
