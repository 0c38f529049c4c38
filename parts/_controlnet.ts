/** A ControlNet on a backend: the picture is read once, the copy of the encoder runs at every step. */
import type { Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Conditioning, Control, Residuals } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  controlNet,
  controlNetCondition,
  type ControlNetConfig,
  controlNetScales,
  readControlNetConfig,
} from "../models/controlnet.ts";
import { sinusoids } from "../models/sinusoids.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import { type CheckedOptions, checkLatent, checkOptions, conditionPixels } from "./_control_inputs.ts";
import { entry } from "./_conditioning.ts";
import { channelsOf, checkFit, type ControlOpener, layersOf } from "./_control_opener.ts";
import { preparedControl } from "./_prepared_control.ts";
import { release, type ResidualAdder } from "./_residuals.ts";

/** Opens a `ControlNetModel`. */
export const openControlNet: ControlOpener = async (json, { load, adder, unet }) => {
  const config = readControlNetConfig(json);
  if (unet !== undefined) checkUnet(config, unet);
  const condition = await load(controlNetCondition(config));
  return prepareWith({ config, condition, network: await load(controlNet(config)), adder });
};

interface Parts {
  readonly config: ControlNetConfig;
  readonly condition: Runner;
  readonly network: Runner;
  readonly adder: ResidualAdder;
}

function prepareWith({ config, condition, network, adder }: Parts): Awaited<ReturnType<ControlOpener>> {
  const { encoder, conditionChannels: channels, embeddingChannels } = config;
  const downscale = 2 ** (embeddingChannels.length - 1);
  const places = network.outputs.map(({ name }) => name);
  const prepare: Control["prepare"] = async (given, conditioning, options) => {
    const checked = checkOptions(options);
    const hidden = checkConditioning(conditioning, encoder);
    const added = encoder.added !== undefined &&
      { added_features: entry(conditioning, "added_features", "the ControlNet") };
    const pixels = conditionPixels(given, { channels, downscale });
    const rows = hidden.shape[0]!;
    const scales = scalesOf(rows, places.length, checked);
    const run = options?.signal === undefined ? {} : { signal: options.signal };
    const read = await condition.run({ pixels }, { keep: ["condition"], ...run });
    let last: Residuals = {};
    return preparedControl({
      window: scales.data.every((scale) => scale === 0) ? nowhere : checked.window,
      async compute(step) {
        checkLatent(step, pixels, downscale, rows);
        release(last);
        last = {};
        const { timeFeatures: features, flipSinToCos, frequencyShift } = encoder;
        const inputs = {
          sample: step.latent,
          time_features: sinusoids(Array(rows).fill(step.timestep), {
            features,
            flipSinToCos,
            frequencyShift,
          }),
          encoder_hidden_states: hidden,
          ...added,
          condition: read.condition!,
          scales,
        };
        return last = await network.run(inputs, { keep: places, ...run }) as Residuals;
      },
      adder,
      dispose() {
        release(last);
        release(read as Residuals);
        last = {};
      },
    });
  };
  return { places, prepare };
}

/** `[rows, places]`: what each row's residuals are multiplied by. Guess mode leaves unconditional rows alone. */
function scalesOf(
  rows: number,
  places: number,
  { scale, guessMode, unconditionalRows }: CheckedOptions,
): Tensor {
  const silent = guessMode ? unconditionalRows : 0;
  const ofRow = (_: unknown, row: number) => controlNetScales(places, row < silent ? 0 : scale, guessMode);
  return { data: Float32Array.from(Array.from({ length: rows }, ofRow).flat()), shape: [rows, places] };
}

/** A window that no step is inside of. */
const nowhere = [1, 0] as const;

function checkUnet({ encoder }: ControlNetConfig, unet: UnetArchitecture): void {
  checkFit("ControlNet", [
    ["text width", encoder.crossAttentionDim, unet.crossAttentionDim],
    ["width of the added embedding", encoder.added?.width ?? 0, unet.added?.width ?? 0],
    ["number of latent channels", encoder.inChannels, unet.outChannels],
    ["list of channels", channelsOf(encoder), channelsOf(unet)],
    ["list of blocks a level", layersOf(encoder), layersOf(unet)],
  ]);
}

/** The prompt's states, if the network can take them. */
function checkConditioning(conditioning: Conditioning, { crossAttentionDim }: UnetArchitecture): Tensor {
  const hidden = entry(conditioning, "encoder_hidden_states", "the ControlNet");
  if (conditioning["encoder_attention_mask"] !== undefined) {
    throw new UnsupportedModelError(
      "Cannot use the ControlNet: the prompt has a mask, expected all tokens to count.",
    );
  }
  const width = hidden.shape.at(-1);
  if (width === crossAttentionDim) return hidden;
  throw new RangeError(
    `Cannot use the ControlNet: the prompt's states have width ${width}, expected ${crossAttentionDim}. ` +
      `It was made for another model.`,
  );
}
