/** Controls whose residuals depend on the picture alone: T2I-Adapter and the MobileDiffusion plugin. */
import type { Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Control, Residuals } from "../core/parts.ts";
import { controlPlugin, readControlPluginConfig } from "../models/control_plugin.ts";
import { readT2IAdapterConfig, t2iAdapter } from "../models/t2i_adapter.ts";
import { checkLatent, checkOptions, conditionPixels, type PictureSize } from "./_control_inputs.ts";
import { channelsOf, checkFit, type ControlOpener, type ControlSurroundings } from "./_control_opener.ts";
import { preparedControl } from "./_prepared_control.ts";
import { release, type ResidualAdder } from "./_residuals.ts";

/** Opens a `T2IAdapter`. */
export const openT2IAdapter: ControlOpener = async (json, surroundings) => {
  if (surroundings.unet?.added !== undefined) {
    throw new UnsupportedModelError(
      "Cannot use the T2I-Adapter: those of Stable Diffusion XL are not supported, expected a ControlNet.",
    );
  }
  const config = readT2IAdapterConfig(json);
  checkChannels("T2I-Adapter", config.channels, surroundings);
  const network = await surroundings.load(t2iAdapter(config));
  return prepareWith(
    network,
    { channels: config.inChannels, downscale: config.downscale },
    surroundings.adder,
  );
};

/** Opens a `ControlPlugin`. */
export const openControlPlugin: ControlOpener = async (json, surroundings) => {
  const config = readControlPluginConfig(json);
  checkChannels("plugin", config.channels, surroundings);
  const network = await surroundings.load(controlPlugin(config));
  return prepareWith(
    network,
    { channels: config.inChannels, downscale: config.downscale },
    surroundings.adder,
  );
};

function checkChannels(kind: string, channels: readonly number[], { unet }: ControlSurroundings): void {
  if (unet !== undefined) checkFit(kind, [["list of channels", channels.join(", "), channelsOf(unet)]]);
}

function prepareWith(
  network: Runner,
  size: PictureSize,
  adder: ResidualAdder,
): Awaited<ReturnType<ControlOpener>> {
  const keep = network.outputs.map(({ name }) => name);
  const prepare: Control["prepare"] = async (given, _conditioning, options) => {
    const { scale, window, guessMode } = checkOptions(options);
    if (guessMode) {
      throw new RangeError("Cannot use guess mode: this control is no ControlNet, expected guessMode false.");
    }
    const pixels = conditionPixels(given, size);
    const inputs = { pixels, scale: { data: Float32Array.of(scale), shape: [1] } };
    const run = options?.signal === undefined ? { keep } : { keep, signal: options.signal };
    const features = await network.run(inputs, run) as Residuals;
    return preparedControl({
      window,
      // deno-lint-ignore require-await -- a picture of another size rejects
      async compute(step) {
        checkLatent(step, pixels, size.downscale);
        return withoutStrayMid(features);
      },
      adder,
      dispose: () => release(features),
    });
  };
  return { places: keep, prepare };
}

/**
 * A light T2I-Adapter has one feature more than the UNet has levels. diffusers adds it to the middle where it happens
 * to have the middle's size, which is where the picture was too small to be halved once more.
 */
function withoutStrayMid({ mid, ...levels }: Residuals): Residuals {
  const last = levels[`down.${Object.keys(levels).length - 1}`];
  return mid === undefined || `${mid.shape}` !== `${last?.shape}` ? levels : { ...levels, mid };
}
