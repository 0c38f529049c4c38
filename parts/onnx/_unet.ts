/** Somebody's UNet: the rank, type and number of its timesteps, and what else it wants to be told, it says itself. */
import type { AnyTensor, Port, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { NoisePredictor, Unet } from "../../core/parts.ts";
import { concatChannels, type Tensor } from "../../core/tensor.ts";
import { guidanceFeatures } from "../../models/sinusoids.ts";
import { type UnetSizes, unetTraits } from "../../models/unet_config.ts";
import { entry } from "../_conditioning.ts";
import { FixedRunner } from "../_fixed_runner.ts";
import { fixedSize, portsOf } from "../_ports.ts";

const part = "the UNet";

/** What is known of a network beside its configuration. */
export interface OnnxUnetOptions {
  /** Picture pixels per latent pixel. */
  readonly scale: number;
  /** What it is told beside the text's states, by the names of its inputs. */
  readonly told: readonly string[];
}

/** Puts a network behind the contract. */
export function onnxUnet(runner: Runner, sizes: UnetSizes, { scale, told }: OnnxUnetOptions): Unet {
  const { sample } = unetPorts(runner, told);
  const network = new FixedRunner(withOneTimestep(runner), { part, main: sample, scale });
  const output = runner.outputs[0]!.name;
  return {
    traits: unetTraits(sizes),
    prepare(conditioning, { concat, guidanceScale = 1, signal } = {}): Promise<NoisePredictor> {
      const hidden = entry(conditioning, "encoder_hidden_states", part);
      if (conditioning["encoder_attention_mask"] !== undefined) {
        throw new UnsupportedModelError(`Cannot mask tokens: this ONNX model takes no mask.`);
      }
      const rows = hidden.shape[0]!;
      const { timeCondProjDim } = sizes;
      const bound = {
        encoder_hidden_states: hidden,
        ...Object.fromEntries(told.map((name) => [name, entry(conditioning, name, part)])),
        ...timeCondProjDim !== undefined && {
          timestep_cond: guidanceFeatures(guidanceScale, rows, timeCondProjDim),
        },
      };
      return Promise.resolve({
        async predict(latent, timestep, residuals = {}) {
          const places = Object.keys(residuals);
          if (places.length > 0) {
            throw new UnsupportedModelError(
              `Cannot add residuals to ${part} at ${places.join(", ")}: this ONNX model takes none.`,
            );
          }
          const inputs = {
            ...bound,
            sample: concat === undefined ? latent : concatChannels(latent, concat),
            timestep: { data: new Float32Array(rows).fill(timestep), shape: [rows] },
          };
          const running = network.run(inputs, signal === undefined ? {} : { signal });
          const outputs = await running.catch((error) => {
            throw signal?.aborted ? error : explain(error, latent, scale);
          });
          return outputs[output] as Tensor;
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** Halvings of the resolution in all UNets of this family but the smallest. */
const halvings = 3;

/** Exporters bake in how resolutions are rounded: for even ones, as they are traced. The runtime's words say nothing of it. */
function explain(error: unknown, { shape }: Tensor, scale: number): unknown {
  const [height, width] = shape.slice(2) as [number, number];
  const even = (size: number) => size % 2 ** halvings === 0;
  if (even(height) && even(width) || !(error instanceof Error)) return error;
  return new RangeError(
    `Cannot run ${part} for a picture of ${width * scale} × ${
      height * scale
    } pixels: most exported networks want ` +
      `multiples of ${2 ** halvings * scale}. The runtime says "${error.message}".`,
    { cause: error },
  );
}

/** What a model says of itself, where its folder has no `config.json`. */
export function readUnetPorts(runner: Runner, told: readonly string[]): UnetSizes {
  const { sample, encoder_hidden_states: states } = unetPorts(runner, told);
  const inChannels = fixedSize(sample, 1) ?? 4;
  const inpainting = 9;
  const condition = runner.inputs.find(({ name }) => name === "timestep_cond");
  const timeCondProjDim = condition && fixedSize(condition, 1);
  return {
    inChannels,
    outChannels: inChannels === inpainting ? 4 : inChannels,
    sampleSize: fixedSize(sample, 2) ?? 64,
    crossAttentionDim: fixedSize(states, 2) ?? 768,
    ...timeCondProjDim !== undefined && { timeCondProjDim },
  };
}

function unetPorts(
  runner: Runner,
  told: readonly string[],
): Record<"sample" | "encoder_hidden_states", Port> {
  const optional = (name: string) => name === "timestep" || name === "timestep_cond";
  const more = Object.fromEntries(told.map((name) => [name, 2]));
  return portsOf(runner, { part, inputs: { sample: 4, encoder_hidden_states: 3, ...more }, optional });
}

/** Takes a timestep for each row, which are all the same, and gives the model as many as it wants. */
function withOneTimestep(runner: Runner): Runner {
  const port = runner.inputs.find(({ name }) => name === "timestep");
  const rows = runner.inputs.find(({ name }) => name === "sample")?.shape[0];
  if (port === undefined) {
    throw new UnsupportedModelError(`Cannot use this model as ${part}: it takes no timestep.`);
  }
  return {
    inputs: runner.inputs,
    outputs: runner.outputs,
    run: ({ timestep, ...others }, options) =>
      runner.run({ ...others, timestep: fitTimestep(timestep!, port, rows) }, options),
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

/** `[]`, `[1]` or one a row: only a size that is the batch's by name or number wants them all. */
function fitTimestep(timestep: AnyTensor, { shape }: Port, rows: number | string | undefined): AnyTensor {
  const { data } = timestep as Tensor;
  if (shape.length === 1 && shape[0] === rows) return timestep;
  return { data: data.slice(0, 1), shape: shape.length === 0 ? [] : [1] };
}
