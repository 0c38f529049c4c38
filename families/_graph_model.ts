/** A model whose networks are our graphs, with a UNet and an autoencoder: what does not depend on its text encoders. */
import { type LoraNetworks, type LoraTarget, type ModelLoras, modelLoras } from "../adapters/mod.ts";
import type { Runner } from "../backends/backend.ts";
import { fitsMemory } from "../backends/memory_plan.ts";
import { precisionOf } from "../backends/precision.ts";
import type { Json } from "../core/json.ts";
import { LazyPart } from "../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../core/model.ts";
import type { TextEncoder, Vae } from "../core/parts.ts";
import type { Graph } from "../graph/graph.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig, type UnetArchitecture, unetTraits } from "../models/unet_config.ts";
import { readLatentToRgb } from "../parts/_latent_to_rgb.ts";
import { graphUnet } from "../parts/unet.ts";
import { autoencoderVae, readAutoencoder } from "../parts/vae.ts";
import { currentAttentionNames } from "../weights/legacy_attention.ts";
import { quantised } from "../weights/quantise.ts";
import type { Weights } from "../weights/weights.ts";
import { component, type GraphComponent } from "./_component.ts";
import { modelControls } from "./_model_controls.ts";
import { modelDefaults } from "./_model_defaults.ts";
import { modelLoraFiles } from "./_model_loras.ts";
import { modelPrecisions, type Precisions } from "./_precisions.ts";
import { type Components, unetRoles } from "./components.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** How a network is loaded with its LoRAs. */
export interface Loading {
  /** Loads a graph with weights. */
  readonly load: (part: "textEncoder", weights: Weights) => (graph: Graph) => Promise<Runner>;
  /** Merges LoRAs into weights. */
  readonly adapt: (weights: Weights, target: LoraTarget) => Weights;
  /** LoRAs that come in through ports. */
  readonly loras: ModelLoras;
}

/** What a family says of its text encoders and of the rest. */
export interface GraphFamily {
  /** The text encoders' graphs, by what LoRAs change. */
  readonly textNetworks: Omit<LoraNetworks, "unet">;
  /** Puts them together. */
  textEncoder(loading: Loading, unet: UnetArchitecture): LazyPart<TextEncoder>;
  /**
   * Checks a UNet against them.
   *
   * @throws {UnsupportedModelError} If they do not fit.
   */
  checkUnet(unet: UnetArchitecture, latentChannels: number): void;
  /** `scheduler_config.json` of models that come without one. */
  readonly scheduler: Json;
  /** Whether a VAE of this configuration overflows in half precision. @default {none does} */
  readonly wideVae?: (config: Json) => boolean;
}

/**
 * Makes a model. Configurations are checked now, weights read when a part is first needed.
 *
 * @throws {UnsupportedModelError} If something of it is not supported.
 * @throws {TypeError} If a configuration is missing or malformed.
 */
export function graphModel(files: Components, options: OpenModelOptions, family: GraphFamily): Model {
  const components = [...unetRoles(files.roles)].map(([kind, role]) =>
    [kind, component(files, role)] as const
  );
  const { vae, previewVae } = autoencoders(files, options);
  const { backend, loraPorts } = options;
  const precisions = modelPrecisions(files.name, options);
  const base = readUnetConfig(components.find(([kind]) => kind === BASE)![1].config);
  const loras = modelLoras({
    unet: unet(base),
    ...family.textNetworks,
  }, { ports: loraPorts, open: modelLoraFiles(files), adapters: options.adapters });
  const load =
    (part: keyof Precisions, weights: Weights, dtype = precisions[part]) => (graph: Graph): Promise<Runner> =>
      backend.load({ kind: "graph", graph, weights }, { dtype });
  /** Quantised first: what a LoRA changes then stays in half precision. */
  const adapt = (weights: Weights, target: LoraTarget) => {
    if (loras.weights === undefined) return weights;
    const { weights: held } = precisions[target === "unet" ? "unet" : "textEncoder"];
    return loras.weights(held === "int8" ? quantised(weights) : weights, target);
  };
  const { latentChannels, scale } = readAutoencoder(vae.config);
  const unets = new Map<string, ModelUnet>();
  for (const [kind, component] of components) {
    const config = readUnetConfig(component.config);
    family.checkUnet(config, latentChannels);
    const part = new LazyPart(async (owned) => {
      const weights = owned.use(await component.weights());
      return owned.use(
        graphUnet({ architecture: config, load: load("unet", adapt(weights, "unet")), loras }),
      );
    });
    unets.set(kind, { traits: unetTraits(config), part });
  }
  const vaePart = ({ config, weights }: GraphComponent): LazyPart<Vae> => {
    const autoencoder = readAutoencoder(config);
    const { vae: asked } = precisions;
    const isNarrow = asked.activations === "float16" && family.wideVae?.(config);
    const own = isNarrow ? precisionOf("float32") : asked;
    return new LazyPart<Vae>(async (owned) => {
      const loadHalf = load("vae", currentAttentionNames(owned.use(await weights())), own);
      return owned.use(autoencoderVae({
        ...autoencoder,
        loadEncoder: () => loadHalf(autoencoder.encoder()),
        loadDecoder: () => loadHalf(autoencoder.decoder()),
        tile: options.tile,
        fits: backend.memory === undefined ? undefined : (half, { width, height }) => {
          const factor = half === "encoder" ? scale : 1; // an encoder's sizes are the picture's
          const sizes = { rows: 1, width: width * factor, height: height * factor };
          return fitsMemory(autoencoder[half](), own, { limit: backend.memory!, sizes });
        },
      }));
    });
  };
  const textEncoder = family.textEncoder({ load, adapt, loras }, base);
  return {
    name: files.name,
    backend: backend.name,
    unets,
    textEncoder,
    vae: vaePart(vae),
    ...previewVae !== undefined && { previewVae: vaePart(previewVae) },
    size: base.sampleSize * scale,
    scale,
    latentChannels,
    ...files.trainedClipSkip !== undefined && { trainedClipSkip: files.trainedClipSkip },
    async setLoras(inputs, onWarning) {
      const { unmatched, stale } = await loras.set(inputs, onWarning);
      const isText = (target: LoraTarget) => target !== "unet";
      if ([...stale].some(isText)) await textEncoder.release();
      if (stale.has("unet")) { for (const { part } of unets.values()) await part.release(); }
      return unmatched;
    },
    openControl: modelControls(files, options, base),
    ...readLatentToRgb(vae.config, latentChannels),
    ...modelDefaults(files.scheduler ?? family.scheduler, options),
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
const tinyRoles = ["vae_tiny", "taesd", "taesdxl"];
