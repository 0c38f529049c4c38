/** Whether the networks of a model belong together. */
import { UnsupportedModelError } from "../core/errors.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";

/** What the other networks give to the UNet. */
export interface UnetSurroundings {
  /** What the model is called. */
  readonly name: string;
  /** Channels of the VAE's latent. */
  readonly latentChannels: number;
  /** Width of the text encoder's states, or of all of them side by side. */
  readonly textWidth: number;
  /** Numbers that it is told beside the text's states; absent where there are none. */
  readonly addedWidth?: number;
}

/**
 * Checks a UNet against what it is given.
 *
 * @throws {UnsupportedModelError} If they do not fit, or it wants more than text, latent and mask.
 */
export function checkUnet(
  { inChannels, outChannels, crossAttentionDim, added }: UnetArchitecture,
  { name, latentChannels, textWidth, addedWidth }: UnetSurroundings,
): void {
  const refuse = (state: string) => {
    throw new UnsupportedModelError(`Cannot open the model "${name}": ${state}.`);
  };
  if (added !== undefined && addedWidth === undefined) {
    refuse(
      `its UNet is told sizes and a second text, as in Stable Diffusion XL; expected one that is told neither`,
    );
  }
  const inpainting = 2 * latentChannels + 1;
  if (inChannels !== latentChannels && inChannels !== inpainting) {
    refuse(
      `its UNet takes ${inChannels} channels, expected ${latentChannels} as the VAE's latent, or ${inpainting} ` +
        `with a mask and a masked latent (InstructPix2Pix, depth and upscaling models take others)`,
    );
  }
  if (outChannels !== latentChannels) {
    refuse(`its UNet gives ${outChannels} channels, expected ${latentChannels} as the VAE's latent`);
  }
  if (crossAttentionDim !== textWidth) {
    refuse(
      `its UNet attends to states of width ${crossAttentionDim}, but its text encoder${
        addedWidth === undefined ? " gives" : "s give"
      } ${textWidth}`,
    );
  }
  if (addedWidth !== undefined && added?.width !== addedWidth) {
    refuse(
      `its UNet is told ${added?.width ?? 0} numbers beside the text's states, expected ${addedWidth}: ` +
        `the second text encoder's vector and the features of six sizes`,
    );
  }
}
