/**
 * Models exported to ONNX, in the layouts of optimum, of diffusers' old script and of Microsoft's demonstrations: a
 * folder for each network with its `.onnx` file. What a model calls its inputs, and which types and ranks they have,
 * is read from the model.
 *
 * @module
 */
import type { Model } from "../../core/model.ts";
import { onnxTextEncoder } from "../../parts/onnx/_text_encoder.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";
import { STABLE_DIFFUSION_SCHEDULER } from "../_model_defaults.ts";
import { onnxModel } from "../_onnx_model.ts";
import type { Components } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";

/**
 * Opens a model. Networks are loaded when they are first needed; a UNet without a `config.json` is loaded now, for its
 * shapes. A folder without a scheduler is sampled as Stable Diffusion 1.x.
 *
 * @throws {UnsupportedModelError} If an option cannot be had with ONNX models.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function openOnnxModel(files: Components, options: OpenModelOptions): Promise<Model> {
  const tokenizer = loadTokenizer(await files.tokenizer("tokenizer"));
  return await onnxModel(files, options, {
    textEncoder: (load) => onnxTextEncoder(tokenizer, () => load("text_encoder")),
    scalingFactor: 0.18215,
    scheduler: STABLE_DIFFUSION_SCHEDULER,
  });
}
