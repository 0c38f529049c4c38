/** What a VAE's encoder gives: the moments of a diagonal Gaussian over latents, to be sampled on the host. */
import type { Noise } from "../core/noise.ts";
import type { Tensor } from "../core/tensor.ts";

/**
 * Latents of moments `[rows, 2 · channels, h, w]` (means, then log-variances, limited to −30 … 20): their means
 * without noise, else `samples` rows a picture, drawn as diffusers draws them.
 */
export function sampleMoments({ data, shape }: Tensor, noise: Noise | undefined, samples: number): Tensor {
  const [rows, doubled, height, width] = shape as [number, number, number, number];
  const half = doubled / 2 * height * width;
  const count = noise === undefined ? rows : samples * rows;
  const latentShape = [count, doubled / 2, height, width];
  const drawn = noise?.normal(latentShape).data;
  const latent = new Float32Array(count * half);
  for (let i = 0; i < latent.length; i++) {
    const mean = Math.floor(i / half) % rows * 2 * half + i % half;
    const deviation = Math.exp(Math.min(Math.max(data[mean + half]!, -30), 20) / 2);
    latent[i] = data[mean]! + (drawn === undefined ? 0 : deviation * drawn[i]!);
  }
  return { data: latent, shape: latentShape };
}
