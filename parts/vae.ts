/**
 * A variational autoencoder on a backend.
 *
 * @module
 */
import type { Runner } from "../backends/backend.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Vae } from "../core/parts.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";
import {
  type AutoencoderKLConfig,
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  downscale,
} from "../models/autoencoder_kl.ts";
import type { Graph } from "../graph/graph.ts";

/** What a {@linkcode Vae} of ours is made of. */
export interface AutoencoderKLVaeOptions {
  /** Its architecture. */
  readonly config: AutoencoderKLConfig;
  /** Loads a graph with the network's weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
}

/** Puts encoder and decoder together; each is loaded when it is first used. */
export function autoencoderKLVae({ config, load }: AutoencoderKLVaeOptions): Vae {
  const encoder = new LazyPart(async (owned) => owned.use(await load(autoencoderKLEncoder(config))));
  const decoder = new LazyPart(async (owned) => owned.use(await load(autoencoderKLDecoder(config))));
  const { latentChannels, scalingFactor } = config;
  return {
    latentChannels,
    scale: downscale(config),
    async encode(pixels, { noise, samples = 1 } = {}) {
      const { moments } = await (await encoder.get()).run({ sample: pixels });
      const posterior = splitMoments(moments as Tensor);
      const { data, shape } = noise === undefined ? posterior.mean : sample(
        posterior,
        noise.normal(
          [samples * posterior.mean.shape[0]!, ...posterior.mean.shape.slice(1)],
        ),
      );
      return { data: data.map((value) => value * scalingFactor), shape };
    },
    async decode({ data, shape }) {
      const latent = { data: data.map((value) => value / scalingFactor), shape };
      const { sample } = await (await decoder.get()).run({ latent_sample: latent });
      return sample as Tensor;
    },
    async [Symbol.asyncDispose]() {
      await encoder.release();
      await decoder.release();
    },
  };
}

/** A diagonal Gaussian over latents. */
interface Posterior {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

/** Mean and log-variance (limited to −30 … 20) of `[rows, 2 · channels, h, w]`. */
function splitMoments({ data, shape }: Tensor): Posterior {
  const [rows, doubled, height, width] = shape as [number, number, number, number];
  const half = doubled / 2 * height * width;
  const mean = new Float32Array(rows * half);
  const deviation = new Float32Array(rows * half);
  for (let row = 0; row < rows; row++) {
    const moments = data.subarray(2 * row * half, 2 * (row + 1) * half);
    mean.set(moments.subarray(0, half), row * half);
    moments.subarray(half).forEach((logVariance, i) => {
      deviation[row * half + i] = Math.exp(Math.min(Math.max(logVariance, -30), 20) / 2);
    });
  }
  const latent = [rows, doubled / 2, height, width];
  return { mean: { data: mean, shape: latent }, deviation: { data: deviation, shape: latent } };
}

/** `mean + deviation · noise`; the rows of noise go through the pictures in turn. */
function sample({ mean, deviation }: Posterior, noise: Tensor): Tensor {
  const size = sizeOf(mean.shape);
  return {
    data: noise.data.map((value, i) => mean.data[i % size]! + deviation.data[i % size]! * value),
    shape: noise.shape,
  };
}
