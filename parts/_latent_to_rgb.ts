/** How a VAE's `config.json` says that its latents look: `latent_rgb_factors`, a field of ours. */
import type { Json } from "../core/json.ts";
import type { Model } from "../core/model.ts";

/**
 * Reads the map from latents to colours, for cheap previews: a row `[red, green, blue]` a channel, then the constant.
 * Nothing where the field is absent.
 *
 * @throws {TypeError} If the field is there and is no such table.
 */
export function readLatentToRgb(config: Json, latentChannels: number): Pick<Model, "latentToRgb"> {
  const rows = config.latent_rgb_factors;
  if (rows === undefined) return {};
  if (Array.isArray(rows) && rows.length === latentChannels + 1 && rows.every(isColour)) {
    return { latentToRgb: rows };
  }
  throw new TypeError(
    `Cannot read the VAE: "latent_rgb_factors" is not ${
      latentChannels + 1
    } rows of 3 numbers, one a channel and the constant.`,
  );
}

function isColour(row: unknown): row is [number, number, number] {
  return Array.isArray(row) && row.length === 3 && row.every(Number.isFinite);
}
