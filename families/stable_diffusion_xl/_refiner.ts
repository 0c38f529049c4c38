/** How the refiner is told from the base model. */
import { UnsupportedModelError } from "../../core/errors.ts";
import { readClipTextConfig } from "../../models/clip_text.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import type { Components } from "../components.ts";

/** Sizes that the base model's UNet is told. */
export const SIZES = 6;

/**
 * The refiner has the second text encoder alone, and is told how beautiful a picture is in place of the target's size.
 *
 * @throws {UnsupportedModelError} If the model is one.
 */
export function refuseRefiner(files: Components): void {
  const asksForScore = files.index?.["requires_aesthetics_score"] === true;
  const unet = files.config("unet");
  const added = unet && readUnetConfig(unet).added;
  const config = files.config("text_encoder_2");
  const text = config === undefined ? undefined : readClipTextConfig(config).projectionSize;
  const numbers = added !== undefined && text !== undefined ? (added.width - text) / added.idFeatures : SIZES;
  if (!asksForScore && numbers !== SIZES - 1) return;
  throw new UnsupportedModelError(
    `Cannot open the model "${files.name}": it is a refiner of Stable Diffusion XL (one text encoder, five numbers ` +
      `beside the text), expected a base model.`,
  );
}
