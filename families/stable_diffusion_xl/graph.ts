/**
 * A model whose networks are our graphs: configurations and weights, from whatever layout, become parts.
 *
 * @module
 */
import type { LoraTarget } from "../../adapters/mod.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Model } from "../../core/model.ts";
import type { TextEncoder } from "../../core/parts.ts";
import { SDXL_LATENT_TO_RGB } from "../../core/preview.ts";
import { addedFeatures } from "../../models/added_features.ts";
import { type ClipTextConfig, readClipTextConfig } from "../../models/clip_text.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import { textEncoderWeights } from "../../parts/_weight_names.ts";
import type { TokenizerFiles } from "../../tokenizer/files.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";
import { checkUnet } from "../_check_unet.ts";
import { component, type GraphComponent } from "../_component.ts";
import { graphModel } from "../_graph_model.ts";
import { type Components, needConfig } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { graphClip, xlClipText } from "./_clip_graph.ts";
import { XL_DEFAULTS, XL_SCHEDULER, zerosRule } from "./_defaults.ts";
import { type ClipEncoder, xlTextEncoder } from "./_text_encoder.ts";

/** Sizes that such a network is told. */
const SIZES = 6;

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
  if (options.inversions !== undefined && options.inversions.length > 0) {
    throw new UnsupportedModelError(
      `Cannot open the model "${files.name}" with embeddings: it has two text encoders, expected none.`,
    );
  }
  const [first, second] = [textOf(files, "text_encoder"), textOf(files, "text_encoder_2")];
  const tokenizers = [
    loadTokenizer(await files.tokenizer("tokenizer")),
    loadTokenizer(padded(await files.tokenizer("tokenizer_2"))),
  ] as const;
  const write = ({ config, projection }: XlText) => xlClipText(config, { projection });
  const model = graphModel(files, options, {
    textNetworks: { textEncoder: write(first), textEncoder2: write(second) },
    textEncoder: (loading, unet) =>
      new LazyPart<TextEncoder>(async (owned) => {
        const open = async (
          { target, source, config, projection }: XlText,
          i: 0 | 1,
        ): Promise<ClipEncoder> => {
          const weights = textEncoderWeights(owned.use(await source.weights()));
          return graphClip({
            config,
            projection,
            tokenizer: tokenizers[i],
            load: loading.load("textEncoder", loading.adapt(weights, target)),
            ported: loading.loras.ported,
            loras: (inputs) => loading.loras.inputs?.(inputs, target) ?? {},
          });
        };
        return owned.use(xlTextEncoder({
          first: await open(first, 0),
          second: await open(second, 1),
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
  return { latentToRgb: SDXL_LATENT_TO_RGB, ...model, ...XL_DEFAULTS };
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

/** OpenCLIP pads with "!", which files that were made for another text encoder do not say. */
function padded(files: TokenizerFiles): TokenizerFiles {
  const said = files["special_tokens_map.json"] ?? files["tokenizer_config.json"];
  return said !== undefined
    ? files
    : { ...files, "special_tokens_map.json": JSON.stringify({ pad_token: "!" }) };
}

/** The refiner has the second text encoder alone, and is told how beautiful a picture is in place of the target's size. */
function refuseRefiner(files: Components): void {
  const asksForScore = files.index?.["requires_aesthetics_score"] === true;
  const { added } = readUnetConfig(needConfig(files, "unet"));
  const config = files.config("text_encoder_2");
  const text = config === undefined ? undefined : readClipTextConfig(config).projectionSize;
  const numbers = added !== undefined && text !== undefined ? (added.width - text) / added.idFeatures : SIZES;
  if (!asksForScore && numbers !== 5) return;
  throw new UnsupportedModelError(
    `Cannot open the model "${files.name}": it is a refiner of Stable Diffusion XL (one text encoder, five numbers ` +
      `beside the text), expected a base model.`,
  );
}
