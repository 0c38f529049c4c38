/**
 * A model whose networks are our graphs: configurations and weights, from whatever layout, become parts.
 *
 * @module
 */
import type { Model } from "../../core/model.ts";
import { clipText, readClipTextConfig } from "../../models/clip_text.ts";
import { checkUnet } from "../_check_unet.ts";
import { component } from "../_component.ts";
import { graphModel } from "../_graph_model.ts";
import { STABLE_DIFFUSION_SCHEDULER } from "../_model_defaults.ts";
import type { Components } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { textEncoderPart } from "./_text_encoder_part.ts";

/**
 * Makes a model of configurations and weights. Configurations are checked now, weights read when a part is first
 * needed.
 *
 * @throws {UnsupportedModelError} If something of it is not supported.
 * @throws {TypeError} If a configuration is missing or malformed.
 */
export async function openGraphModel(files: Components, options: OpenModelOptions): Promise<Model> {
  const source = component(files, "text_encoder");
  const config = readClipTextConfig(source.config);
  const tokenizer = await files.tokenizer("tokenizer");
  return graphModel(files, options, {
    textNetworks: { textEncoder: clipText(config) },
    textEncoder: (loading) => textEncoderPart(source, tokenizer, options, loading),
    checkUnet: (unet, latentChannels) =>
      checkUnet(unet, { name: files.name, latentChannels, textWidth: config.hiddenSize }),
    scheduler: STABLE_DIFFUSION_SCHEDULER,
  });
}
