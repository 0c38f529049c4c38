/**
 * A model whose networks are our graphs: configurations and weights, from whatever layout, become parts.
 *
 * @module
 */
import { type LoraTarget, modelLoras } from "../../adapters/mod.ts";
import type { Runner } from "../../backends/backend.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../../core/model.ts";
import type { Vae } from "../../core/parts.ts";
import type { Graph } from "../../graph/graph.ts";
import { clipText, readClipTextConfig } from "../../models/clip_text.ts";
import { unet } from "../../models/unet.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import { currentAttentionNames } from "../../weights/legacy_attention.ts";
import { quantised } from "../../weights/quantise.ts";
import type { Weights } from "../../weights/weights.ts";
import { checkUnet } from "./_check_unet.ts";
import { readLatentToRgb } from "../../parts/_latent_to_rgb.ts";
import { modelControls } from "../_model_controls.ts";
import { modelLoraFiles } from "../_model_loras.ts";
import { modelPrecisions, type Precisions } from "../_precisions.ts";
import { type Components, unetRoles } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { component, type GraphComponent } from "./_component.ts";
import { modelDefaults, STABLE_DIFFUSION_SCHEDULER } from "../_model_defaults.ts";
import { textEncoderPart } from "./_text_encoder_part.ts";
import { graphUnet } from "../../parts/unet.ts";
import { autoencoderVae, readAutoencoder } from "../../parts/vae.ts";

/**
 * Makes a model of configurations and weights. Configurations are checked now, weights read when a part is first
 * needed.
 *
 * @throws {UnsupportedModelError} If something of it is not supported.
 * @throws {TypeError} If a configuration is missing or malformed.
 */
export async function openGraphModel(files: Components, options: OpenModelOptions): Promise<Model> {
  const source = {
    name: files.name,
    unets: new Map([...unetRoles(files.roles)].map(([kind, role]) => [kind, component(files, role)])),
    textEncoder: component(files, "text_encoder"),
    ...autoencoders(files, options),
  };
  const tokenizer = await files.tokenizer("tokenizer");
  const { backend, loraPorts } = options;
  const precisions = modelPrecisions(files.name, options);
  const unetConfig = readUnetConfig(source.unets.get(BASE)!.config);
  const textConfig = readClipTextConfig(source.textEncoder.config);
  const loras = modelLoras({
    unet: (hook) => unet(unetConfig, hook === undefined ? {} : { hook }),
    textEncoder: (hook) => clipText(textConfig, hook === undefined ? {} : { hook }),
  }, { ports: loraPorts, open: modelLoraFiles(files), adapters: options.adapters });
  const load = (part: keyof Precisions, weights: Weights) => (graph: Graph): Promise<Runner> =>
    backend.load({ kind: "graph", graph, weights }, { dtype: precisions[part] });
  /** Quantised first: what a LoRA changes then stays in half precision. */
  const adapt = (weights: Weights, target: LoraTarget) => {
    if (loras.weights === undefined) return weights;
    return loras.weights(precisions[target].weights === "int8" ? quantised(weights) : weights, target);
  };
  const { latentChannels, scale } = readAutoencoder(source.vae.config);
  const unets = new Map<string, ModelUnet>();
  for (const [kind, component] of source.unets) {
    const config = readUnetConfig(component.config);
    checkUnet(config, { name: source.name, latentChannels, textWidth: textConfig.hiddenSize });
    const part = new LazyPart(async (owned) => {
      const weights = owned.use(await component.weights());
      return owned.use(
        graphUnet({ architecture: config, load: load("unet", adapt(weights, "unet")), loras }),
      );
    });
    unets.set(kind, { config, part });
  }
  const vaePart = ({ config, weights }: GraphComponent): LazyPart<Vae> => {
    const autoencoder = readAutoencoder(config);
    return new LazyPart<Vae>(async (owned) => {
      const loadHalf = load("vae", currentAttentionNames(owned.use(await weights())));
      return owned.use(autoencoderVae({
        ...autoencoder,
        loadEncoder: () => loadHalf(autoencoder.encoder()),
        loadDecoder: () => loadHalf(autoencoder.decoder()),
        tile: options.tile,
      }));
    });
  };
  const textEncoder = textEncoderPart(source.textEncoder, tokenizer, options, { load, adapt, loras });
  return {
    name: source.name,
    backend: backend.name,
    unets,
    textEncoder,
    vae: vaePart(source.vae),
    ...source.previewVae !== undefined && { previewVae: vaePart(source.previewVae) },
    size: unets.get(BASE)!.config.sampleSize * scale,
    scale,
    latentChannels,
    async setLoras(inputs) {
      const { unmatched, stale } = await loras.set(inputs);
      if (stale.has("textEncoder")) await textEncoder.release();
      if (stale.has("unet")) { for (const { part } of unets.values()) await part.release(); }
      return unmatched;
    },
    openControl: modelControls(files, options, unetConfig),
    ...readLatentToRgb(source.vae.config, latentChannels),
    ...modelDefaults(files.scheduler ?? STABLE_DIFFUSION_SCHEDULER, options),
  };
}

/** The VAE that was asked for, else the ordinary one, else a tiny one; and a tiny one for previews beside it. */
function autoencoders(files: Components, { vae: asked }: OpenModelOptions) {
  // One that is no folder of the model's was put in place of its own when the files were read.
  const own = ["vae", ...tinyRoles].find((role) => files.roles.has(role)) ?? "vae";
  const vae = asked !== undefined && files.roles.has(asked) ? asked : own;
  const tiny = tinyRoles.find((role) => files.roles.has(role) && role !== vae);
  return {
    vae: component(files, vae),
    ...tiny !== undefined && { previewVae: component(files, tiny) },
  };
}

/** Where tiny autoencoders lie. */
const tinyRoles = ["vae_tiny", "taesd"];
