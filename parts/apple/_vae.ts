/**
 * Apple's VAE: two models, each for one picture of one size.
 */
import type { Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Vae } from "../../core/parts.ts";
import type { Tensor } from "../../core/tensor.ts";
import { BatchedRunner } from "./_batched_runner.ts";
import { checkSize, inputPort, refuseOtherInputs } from "./_ports.ts";
import { sampleMoments } from "./_posterior.ts";

/** What the VAE is made of. */
export interface AppleVaeOptions {
  /** Loads the decoder, `z` to `image`. */
  readonly decoder: () => Promise<Runner>;
  /** Loads the encoder, `x` to `latent`. Absent where the folder has none. */
  readonly encoder: (() => Promise<Runner>) | undefined;
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Picture pixels per latent pixel. */
  readonly scale: number;
  /** What latents are multiplied by for the UNet. */
  readonly scalingFactor: number;
}

/** Puts encoder and decoder together; each is loaded when it is first used. */
export function appleVae({ decoder, encoder, latentChannels, scale, scalingFactor }: AppleVaeOptions): Vae {
  const half = (load: () => Promise<Runner>, input: string, part: string) =>
    new LazyPart(async (owned) => {
      const runner = owned.use(await load());
      const port = inputPort(runner, input, 4, part);
      refuseOtherInputs(runner, (name) => name === input, part);
      return { runner: new BatchedRunner(runner, port), port, output: runner.outputs[0]!.name };
    });
  const decoding = half(decoder, "z", "the VAE decoder");
  const encoding = encoder && half(encoder, "x", "the VAE encoder");
  return {
    latentChannels,
    scale,
    async encode(pixels, { noise, samples = 1 } = {}) {
      if (encoding === undefined) {
        throw new UnsupportedModelError("Cannot encode a picture: the model's folder has no VAEEncoder.");
      }
      const { runner, port, output } = await encoding.get();
      checkSize(pixels.shape, port, 1, "the VAE encoder");
      const { [output]: moments } = await runner.run({ x: pixels });
      const { data, shape } = sampleMoments(moments as Tensor, noise, samples);
      return { data: data.map((value) => value * scalingFactor), shape };
    },
    async decode({ data, shape }) {
      const { runner, port, output } = await decoding.get();
      checkSize(shape, port, scale, "the VAE decoder");
      const { [output]: image } = await runner.run({ z: { data: data.map((value) => value / scalingFactor), shape } });
      return image as Tensor;
    },
    async [Symbol.asyncDispose]() {
      await decoding.release();
      await encoding?.release();
    },
  };
}
