/** Somebody's UNet: the rank, type and number of its timesteps, and what else it wants to be told, it says itself. */
import type { AnyTensor, Port, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { NoisePredictor, Unet, UnetConfig } from "../../core/parts.ts";
import { concatChannels, type Tensor } from "../../core/tensor.ts";
import { guidanceFeatures } from "../../models/sinusoids.ts";
import { BatchedRunner } from "../apple/_batched_runner.ts";
import { fixedSize, inputPort, refuseOtherInputs } from "../apple/_ports.ts";

const part = "the UNet";
const known: ReadonlySet<string> = new Set(["sample", "timestep", "encoder_hidden_states", "timestep_cond"]);

/** Puts a network behind the contract. */
export function onnxUnet(runner: Runner, config: UnetConfig): Unet {
  refuseOtherInputs(runner, (name) => known.has(name), part);
  const network = new BatchedRunner(withOneTimestep(runner), inputPort(runner, "sample", 4, part));
  const output = runner.outputs[0]!.name;
  return {
    config,
    prepare({ hidden, mask }, { concat, guidanceScale = 1, signal } = {}): Promise<NoisePredictor> {
      if (mask !== undefined) {
        throw new UnsupportedModelError(`Cannot mask tokens: this ONNX model takes no mask.`);
      }
      const rows = hidden.shape[0]!;
      const { timeCondProjDim } = config;
      const bound = {
        encoder_hidden_states: hidden,
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
          const outputs = await network.run({
            ...bound,
            sample: concat === undefined ? latent : concatChannels(latent, concat),
            timestep: { data: new Float32Array(rows).fill(timestep), shape: [rows] },
          }, signal === undefined ? {} : { signal });
          return outputs[output] as Tensor;
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** What a model says of itself, where its folder has no `config.json`. */
export function readUnetPorts(runner: Runner): UnetConfig {
  const sample = inputPort(runner, "sample", 4, part);
  const inChannels = fixedSize(sample, 1) ?? 4;
  const inpainting = 9;
  const condition = runner.inputs.find(({ name }) => name === "timestep_cond");
  const timeCondProjDim = condition && fixedSize(condition, 1);
  return {
    inChannels,
    outChannels: inChannels === inpainting ? 4 : inChannels,
    sampleSize: fixedSize(sample, 2) ?? 64,
    crossAttentionDim: fixedSize(inputPort(runner, "encoder_hidden_states", 3, part), 2) ?? 768,
    ...timeCondProjDim !== undefined && { timeCondProjDim },
  };
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
