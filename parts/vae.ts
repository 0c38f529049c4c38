/**
 * A variational autoencoder on a backend: of ours, or anybody's ONNX file.
 *
 * @module
 */
import type { Json } from "../core/json.ts";
import type { Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Vae } from "../core/parts.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  downscale,
  type LatentStatistics,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import {
  autoencoderTinyDecoder,
  autoencoderTinyEncoder,
  readAutoencoderTinyConfig,
} from "../models/autoencoder_tiny.ts";
import { sampleMoments } from "./_posterior.ts";
import { tiled } from "./_tiles.ts";

/** The numbers of an autoencoder. */
export interface AutoencoderSizes {
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Picture pixels per latent pixel. */
  readonly scale: number;
  /** Latents are multiplied by this for the UNet. */
  readonly scalingFactor: number;
  /** Mean and deviation of each channel, taken out of the latents before they are multiplied. */
  readonly latentStatistics?: LatentStatistics;
}

/** Sides of a latent. */
export interface LatentSize {
  /** Latent pixels across. */
  readonly width: number;
  /** Latent pixels down. */
  readonly height: number;
}

/** Side of tiles that are taken for want of memory, in picture pixels. */
const USUAL_TILE = 512;

/** What a {@linkcode Vae} of ours is made of. */
export interface AutoencoderVaeOptions extends AutoencoderSizes {
  /**
   * Loads the encoder: one input, pixels in −1 … 1; one output, the moments of the latent (twice its channels: mean
   * and log-variance) or the latent itself. Absent where a model has none.
   */
  readonly loadEncoder?: (() => Promise<Runner>) | undefined;
  /** Loads the decoder: one input, the latent; one output, pixels. */
  readonly loadDecoder: () => Promise<Runner>;
  /** Side of the tiles in picture pixels, a multiple of 4 latent pixels. @default {no tiles, or 512 where it does not fit} */
  readonly tile?: number | undefined;
  /** Whether a half fits into memory for a latent of this size. @default {it does} */
  readonly fits?: ((half: "encoder" | "decoder", latent: LatentSize) => boolean) | undefined;
}

/**
 * Puts encoder and decoder together; each is loaded when it is first used.
 *
 * @throws {RangeError} If `tile` is not a multiple of 4 latent pixels.
 */
export function autoencoderVae(options: AutoencoderVaeOptions): Vae {
  const { latentChannels, scale, loadEncoder, loadDecoder, tile, fits } = options;
  if (tile !== undefined && (tile <= 0 || tile % (4 * scale) !== 0)) {
    throw new RangeError(`Cannot decode in tiles of ${tile} pixels: expected a multiple of ${4 * scale}.`);
  }
  const tileOf = (half: "encoder" | "decoder", latent: LatentSize) =>
    tile ?? (fits?.(half, latent) === false ? USUAL_TILE : Infinity);
  const encoder = loadEncoder && new LazyPart(async (owned) => owned.use(await loadEncoder()));
  const decoder = new LazyPart(async (owned) => owned.use(await loadDecoder()));
  return {
    traits: { latentChannels, scale },
    async encode(pixels, { noise, samples = 1 } = {}) {
      if (encoder === undefined) {
        throw new UnsupportedModelError("Cannot encode a picture: the model has no VAE encoder.");
      }
      const runner = await encoder.get();
      const [height, width] = pixels.shape.slice(2) as [number, number];
      const side = tileOf("encoder", { width: width / scale, height: height / scale });
      const output = await tiled(pixels, { tile: side, ratio: 1 / scale }, (piece) => runOnly(runner, piece));
      const latent = output.shape[1] === 2 * latentChannels
        ? sampleMoments(output, noise, samples)
        : repeat(output, noise === undefined ? 1 : samples);
      return channelwise(latent, options, (value, { factor, mean }) => (value - mean) * factor);
    },
    async decode(given) {
      const runner = await decoder.get();
      const latent = channelwise(given, options, (value, { factor, mean }) => value / factor + mean);
      const [height, width] = given.shape.slice(2) as [number, number];
      const side = tileOf("decoder", { width, height }) / scale;
      return await tiled(latent, { tile: side, ratio: scale }, (piece) => runOnly(runner, piece));
    },
    async [Symbol.asyncDispose]() {
      await encoder?.release();
      await decoder.release();
    },
  };
}

/** An autoencoder as graphs. */
export interface GraphAutoencoder extends AutoencoderSizes {
  /** Picture to latent or moments. */
  readonly encoder: () => Graph;
  /** Latent to picture. */
  readonly decoder: () => Graph;
}

/**
 * Reads a VAE's `config.json` of either kind.
 *
 * @throws {UnsupportedModelError} If it is of another kind, or for another family.
 * @throws {TypeError} If a field has a value of the wrong kind.
 */
export function readAutoencoder(json: Json): GraphAutoencoder {
  const { _class_name: kind = "AutoencoderKL" } = json;
  if (kind === "AutoencoderKL") {
    const config = readAutoencoderKLConfig(json);
    return {
      ...config,
      scale: downscale(config),
      encoder: () => autoencoderKLEncoder(config),
      decoder: () => autoencoderKLDecoder(config),
    };
  }
  if (kind === "AutoencoderTiny") {
    const config = readAutoencoderTinyConfig(json);
    return {
      latentChannels: config.latentChannels,
      scalingFactor: config.scalingFactor,
      scale: config.upsampling ** (config.decoder.channels.length - 1),
      encoder: () => autoencoderTinyEncoder(config),
      decoder: () => autoencoderTinyDecoder(config),
    };
  }
  throw new UnsupportedModelError(
    `Cannot read the VAE: it is of the kind ${
      JSON.stringify(kind)
    }, expected "AutoencoderKL" or "AutoencoderTiny".`,
  );
}

/** Changes each element by what its channel's mean and factor (`scalingFactor`, over the deviation) are. */
function channelwise(
  { data, shape }: Tensor,
  { scalingFactor, latentStatistics }: AutoencoderSizes,
  change: (value: number, channel: { readonly factor: number; readonly mean: number }) => number,
): Tensor {
  const [, channels, height, width] = shape as [number, number, number, number];
  const own = Array.from({ length: channels }, (_, channel) => ({
    factor: scalingFactor / (latentStatistics?.deviation[channel] ?? 1),
    mean: latentStatistics?.mean[channel] ?? 0,
  }));
  return {
    data: data.map((value, i) => change(value, own[Math.floor(i / (height * width)) % channels]!)),
    shape,
  };
}

/**
 * Runs a program of one input and one output.
 *
 * @throws {RangeError} If it gives NaN or infinity, which would be a black picture.
 */
async function runOnly(runner: Runner, input: Tensor): Promise<Tensor> {
  const outputs = await runner.run({ [runner.inputs[0]!.name]: input });
  const output = outputs[runner.outputs[0]!.name] as Tensor;
  if (output.data.every(Number.isFinite)) return output;
  throw new RangeError(
    "Cannot run the VAE: it gave NaN or infinity, expected finite numbers. Some VAEs overflow in half precision: open " +
      'the model with dtype { vae: "float32" }, or with another VAE.',
  );
}

/** All rows, `times` times over. */
function repeat({ data, shape }: Tensor, times: number): Tensor {
  const size = sizeOf(shape);
  return {
    data: Float32Array.from({ length: times * size }, (_, i) => data[i % size]!),
    shape: shape.with(0, times * shape[0]!),
  };
}
