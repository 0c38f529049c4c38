/** Latents to pictures. */
import { type Image, toImages } from "./image.ts";
import type { Vae } from "./parts.ts";
import { type Latent, sliceRows } from "./tensor.ts";

/** One picture at a time: the decoder's activations are the largest of all. */
export async function decodeRows(
  vae: Pick<Vae, "decode">,
  latents: Latent,
  signal?: AbortSignal,
): Promise<Image[]> {
  const images: Image[] = [];
  for (let row = 0; row < latents.shape[0]!; row++) {
    signal?.throwIfAborted();
    images.push(...toImages(await vae.decode(sliceRows(latents, row, row + 1))));
  }
  return images;
}

/** Half precision overflows in some models; a black picture would say nothing. */
export function checkDenoised({ data }: Latent): void {
  if (data.every(Number.isFinite)) return;
  throw new RangeError(
    "Cannot decode the picture: the network gave NaN or infinity, expected finite numbers. " +
      'With dtype "float16", try "float32".',
  );
}
