/**
 * A model whose networks are our graphs: configurations and weights, from whatever layout, become parts.
 *
 * @module
 */
import type { LoraTarget } from "../../adapters/mod.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Model } from "../../core/model.ts";
import type { TextEncoder } from "../../core/parts.ts";
import { SDXL_LATENT_TO_RGB } from "../../pipeline/preview.ts";
import { addedFeatures } from "../../models/added_features.ts";
import { clipText, type ClipTextConfig, readClipTextConfig } from "../../models/clip_text.ts";
import { textEncoderWeights, TOKEN_TABLE } from "../../parts/_weight_names.ts";
import {
  insertVectors,
  inversionsOf,
  type InvertedTokenizer,
  invertedTokenizer,
  tableRows,
} from "../../parts/textual_inversion.ts";
import { checkUnet } from "../_check_unet.ts";
import { component, type GraphComponent } from "../_component.ts";
import { graphModel } from "../_graph_model.ts";
import type { Components } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { graphClip } from "./_clip_graph.ts";
import { XL_DEFAULTS, XL_SCHEDULER, xlTokenizers, zerosRule } from "./_defaults.ts";
import { KeptStates } from "./_kept_states.ts";
import { refuseRefiner, SIZES } from "./_refiner.ts";
import { type ClipEncoder, xlTextEncoder } from "./_text_encoder.ts";

/** One of the two text encoders. */
interface XlText {
  readonly target: LoraTarget;
  readonly source: GraphComponent;
  readonly config: ClipTextConfig;
  readonly projection: boolean;
}

/**
 * Makes a model of configurations and weights. Configurations are checked now, weights read when a part is first
 * needed.
 *
 * @throws {UnsupportedModelError} If something of it is not supported, as the refiner.
 * @throws {TypeError} If a configuration is missing or malformed.
 */
export async function openGraphModel(files: Components, options: OpenModelOptions): Promise<Model> {
  refuseRefiner(files);
  const [first, second] = [textOf(files, "text_encoder"), textOf(files, "text_encoder_2")];
  const tokenizers = await xlTokenizers(files);
  const words = ([0, 1] as const).map((i) =>
    invertedTokenizer(tokenizers[i], inversionsOf(options.inversions ?? [], 2, i))
  ) as [InvertedTokenizer, InvertedTokenizer];
  /** With all layers: LoRAs have those too that are left out. */
  const write = ({ config, projection }: XlText) => clipText(config, { projection });
  const kept = new KeptStates();
  const model = graphModel(files, options, {
    textNetworks: { textEncoder: write(first), textEncoder2: write(second) },
    textEncoder: (loading, unet) =>
      new LazyPart<TextEncoder>(async (owned) => {
        const open = async (
          { target, source, config, projection }: XlText,
          i: 0 | 1,
        ): Promise<ClipEncoder> => {
          const weights = textEncoderWeights(owned.use(await source.weights()));
          const { tokenizer, vectors } = words[i];
          const adapted = insertVectors(loading.adapt(weights, target), TOKEN_TABLE, vectors);
          return graphClip({
            config: { ...config, vocabSize: tableRows(config.vocabSize, vectors) },
            projection,
            tokenizer,
            load: loading.load("textEncoder", adapted),
            ported: loading.loras.ported,
            loras: (inputs) => loading.loras.inputs?.(inputs, target) ?? {},
          });
        };
        return owned.use(xlTextEncoder({
          first: kept.of(await open(first, 0), 0),
          second: kept.of(await open(second, 1), 1),
          zeros: zerosRule(files),
          tell: (pooled, ids) => ({ added_features: addedFeatures(unet, { pooled, ids }) }),
        }));
      }),
    checkUnet(unet, latentChannels) {
      const { projectionSize } = second.config;
      checkUnet(unet, {
        name: files.name,
        latentChannels,
        textWidth: first.config.hiddenSize + second.config.hiddenSize,
        addedWidth: projectionSize + SIZES * (unet.added?.idFeatures ?? 0),
      });
    },
    scheduler: XL_SCHEDULER,
    wideVae: ({ _class_name: kind = "AutoencoderKL", force_upcast: upcast = true }) =>
      kind === "AutoencoderKL" && upcast === true,
  });
  return kept.forgetting({ latentToRgb: SDXL_LATENT_TO_RGB, ...model, ...XL_DEFAULTS });
}

function textOf(files: Components, role: "text_encoder" | "text_encoder_2"): XlText {
  const source = component(files, role);
  const second = role === "text_encoder_2";
  return {
    target: second ? "textEncoder2" : "textEncoder",
    source,
    config: readClipTextConfig(source.config),
    projection: second,
  };
}
