/**
 * Models exported to ONNX, in the layouts of optimum, of diffusers' old script and of Microsoft's demonstrations: a
 * folder for each network with its `.onnx` file. What a model calls its inputs, and which types and ranks they have,
 * is read from the model.
 *
 * @module
 */
import type { Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../../core/model.ts";
import type { TextEncoder, Unet, Vae } from "../../core/parts.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";
import { wrap } from "../../parts/_ports.ts";
import { modelDefaults, STABLE_DIFFUSION_SCHEDULER } from "../_model_defaults.ts";
import { refusePrecisions } from "../_precisions.ts";
import { OnnxLoras } from "../_onnx_loras.ts";
import { onnxTextEncoder } from "../../parts/onnx/_text_encoder.ts";
import { onnxUnet, readUnetPorts } from "../../parts/onnx/_unet.ts";
import { type Components, unetRoles } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { type AutoencoderSizes, autoencoderVae, readAutoencoder } from "../../parts/vae.ts";

/**
 * Opens a model. Networks are loaded when they are first needed; a UNet without a `config.json` is loaded now, for its
 * shapes. A folder without a scheduler is sampled as Stable Diffusion 1.x.
 *
 * @throws {UnsupportedModelError} If an option cannot be had with ONNX models.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function openOnnxModel(files: Components, options: OpenModelOptions): Promise<Model> {
  refuseOptions(files, options);
  const { backend, tile } = options;
  const loras = new OnnxLoras(files, options);
  const load = async (role: string): Promise<Runner> => await backend.load(await loras.source(role));
  const sizes = readSizes(files);
  const { latentChannels, scale } = sizes;
  const unets = new Map<string, ModelUnet>();
  for (const [kind, role] of unetRoles(files.roles)) {
    unets.set(kind, await openUnet(files, role, { load, scale }));
  }
  const base = unets.get(BASE)!.config;
  const tokenizer = loadTokenizer(await files.tokenizer("tokenizer"));
  const textEncoder = new LazyPart<TextEncoder>((owned) =>
    Promise.resolve(owned.use(onnxTextEncoder(tokenizer, () => load("text_encoder"))))
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
    size: base.sampleSize * scale,
    scale,
    latentChannels,
    ...modelDefaults(files.scheduler ?? STABLE_DIFFUSION_SCHEDULER, options),
  };
}

async function openUnet(
  files: Components,
  role: string,
  { load, scale }: { load: (role: string) => Promise<Runner>; scale: number },
): Promise<ModelUnet> {
  const json = files.config(role);
  const given = json && readUnetConfig(json);
  const part = new LazyPart<Unet>(async (owned) => {
    const runner = await load(role);
    return owned.use(await wrap(runner, () => onnxUnet(runner, given ?? readUnetPorts(runner), scale)));
  });
  return { config: given ?? (await part.get()).config, part };
}

/** A VAE's `config.json` lies in the folder of either half, or in that of the whole; else it is Stable Diffusion's. */
function readSizes(files: Components): AutoencoderSizes {
  for (const role of ["vae_decoder", "vae_encoder", "vae"]) {
    const json = files.config(role);
    if (json !== undefined) return readAutoencoder(json);
  }
  return { latentChannels: 4, scale: 8, scalingFactor: 0.18215 };
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
