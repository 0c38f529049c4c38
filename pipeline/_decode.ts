/** Latents to pictures. */
import { type Image, toImages } from "../core/image.ts";
import type { Encoded, Vae } from "../core/parts.ts";
import { type Latent, sliceRows, type Tensor } from "../core/tensor.ts";

/** One picture at a time: the decoder's activations are the largest of all. */
export async function decodeRows(
  vae: Pick<Vae, "decode">,
  latents: Latent,
  signal?: AbortSignal,
): Promise<Image[]> {
  const images: Image[] = [];
  for (let row = 0; row < latents.shape[0]!; row++) {
    signal?.throwIfAborted();
    const pixels = await vae.decode(sliceRows(latents, row, row + 1));
    checkFinite(pixels, "decode the picture", "the VAE");
    images.push(...toImages(pixels));
  }
  return images;
}

/** Half precision overflows in some models; a black picture would say nothing. */
export function checkDenoised(latents: Latent): void {
  checkFinite(latents, "decode the picture", "the network");
}

/** Checks the states of a text encoder: with NaN in them every picture is black. */
export function checkEncoded({ passes }: Encoded): void {
  for (const { conditioning } of passes) {
    for (const tensor of Object.values(conditioning)) {
      checkFinite(tensor, "use the prompt", "the text encoder");
    }
  }
}

function checkFinite({ data }: Tensor, action: string, network: string): void {
  if (data.every(Number.isFinite)) return;
  throw new RangeError(
    `Cannot ${action}: ${network} gave NaN or infinity, expected finite numbers. ` +
      'With dtype "float16", try "float32".',
  );
}
