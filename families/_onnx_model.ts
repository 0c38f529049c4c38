/** A model of exported networks, with a UNet and an autoencoder: what does not depend on its text encoders. */
import type { Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { LazyPart } from "../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../core/model.ts";
import type { TextEncoder, Unet, Vae } from "../core/parts.ts";
import { readUnetConfig, type UnetSizes, unetTraits } from "../models/unet_config.ts";
import { wrap } from "../parts/_ports.ts";
import { onnxUnet, readUnetPorts } from "../parts/onnx/_unet.ts";
import { type AutoencoderSizes, autoencoderVae, readAutoencoder } from "../parts/vae.ts";
import { modelDefaults } from "./_model_defaults.ts";
import { OnnxLoras } from "./_onnx_loras.ts";
import { refusePrecisions } from "./_precisions.ts";
import { type Components, unetRoles } from "./components.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** What a family says of its text encoders and of the rest. */
export interface OnnxFamily {
  /** Puts the text encoders together; each is loaded by its role when it is first needed. */
  textEncoder(load: (role: string) => Promise<Runner>): TextEncoder;
  /** What its UNets are told beside the text's states, by the names of their inputs. @default {[]} */
  readonly told?: readonly string[];
  /** Its `scaling_factor`, where no `config.json` of a VAE says. */
  readonly scalingFactor: number;
  /** `scheduler_config.json` of models that come without one. */
  readonly scheduler: Json;
}

/**
 * Makes a model. Networks are loaded when they are first needed; a UNet without a `config.json` is loaded now, for its
 * shapes.
 *
 * @throws {UnsupportedModelError} If an option cannot be had with ONNX models.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function onnxModel(
  files: Components,
  options: OpenModelOptions,
  family: OnnxFamily,
): Promise<Model> {
  refuseOptions(files, options);
  const { backend, tile } = options;
  const loras = new OnnxLoras(files, options);
  const load = async (role: string): Promise<Runner> => await backend.load(await loras.source(role));
  const sizes = readSizes(files, family);
  const { latentChannels, scale } = sizes;
  const { told = [] } = family;
  const unets = new Map<string, ModelUnet>();
  let sampleSize = 64;
  for (const [kind, role] of unetRoles(files.roles)) {
    const { sizes, part } = await openUnet(files, role, { load, scale, told });
    unets.set(kind, { traits: unetTraits(sizes), part });
    if (kind === BASE) sampleSize = sizes.sampleSize;
  }
  const textEncoder = new LazyPart<TextEncoder>((owned) =>
    Promise.resolve(owned.use(family.textEncoder(load)))
  );
  return {
    name: files.name,
    backend: backend.name,
    unets,
    textEncoder,
    async setLoras(inputs, onWarning) {
      const unmatched = await loras.set(inputs, onWarning);
      for (const part of [textEncoder, ...[...unets.values()].map(({ part }) => part)]) await part.release();
      return unmatched;
    },
    vae: new LazyPart<Vae>((owned) =>
      Promise.resolve(owned.use(autoencoderVae({
        ...sizes,
        loadEncoder: !files.roles.has("vae_encoder") ? undefined : () => load("vae_encoder"),
        loadDecoder: () => load("vae_decoder"),
        tile,
      })))
    ),
    size: sampleSize * scale,
    scale,
    latentChannels,
    ...modelDefaults(files.scheduler ?? family.scheduler, options),
  };
}

async function openUnet(
  files: Components,
  role: string,
  { load, scale, told }: {
    load: (role: string) => Promise<Runner>;
    scale: number;
    told: readonly string[];
  },
): Promise<{ readonly sizes: UnetSizes; readonly part: LazyPart<Unet> }> {
  const json = files.config(role);
  let sizes: UnetSizes | undefined = json && readUnetConfig(json);
  const part = new LazyPart<Unet>(async (owned) => {
    const runner = await load(role);
    return owned.use(
      await wrap(runner, () => onnxUnet(runner, sizes ??= readUnetPorts(runner, told), { scale, told })),
    );
  });
  if (sizes === undefined) await part.get();
  return { sizes: sizes!, part };
}

/** A VAE's `config.json` lies in the folder of either half, or in that of the whole; else it is the family's. */
function readSizes(files: Components, { scalingFactor }: OnnxFamily): AutoencoderSizes {
  for (const role of ["vae_decoder", "vae_encoder", "vae"]) {
    const json = files.config(role);
    if (json !== undefined) return readAutoencoder(json);
  }
  return { latentChannels: 4, scale: 8, scalingFactor };
}

/** Exported networks cannot be changed as ours can. */
function refuseOptions({ name }: Components, options: OpenModelOptions): void {
  refusePrecisions(name, "ONNX", options);
  const { inversions, loraPorts } = options;
  const problem = inversions !== undefined && inversions.length > 0
    ? `with embeddings: its table of tokens is part of the network`
    : loraPorts !== undefined
    ? `with LoRA ports: its layers are part of the network`
    : undefined;
  if (problem === undefined) return;
  throw new UnsupportedModelError(
    `Cannot open the ONNX model "${name}" ${problem}, or open the model as safetensors.`,
  );
}
