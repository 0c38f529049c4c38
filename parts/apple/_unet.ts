/** Apple's UNet: compiled for a number of rows and a size, once without and once with inputs for residuals. */
import type { AnyTensor, Port, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Conditioning, NoisePredictor, PrepareOptions, Residuals, Unet } from "../../core/parts.ts";
import { concatChannels, sizeOf, type Tensor } from "../../core/tensor.ts";
import { type UnetSizes, unetTraits } from "../../models/unet_config.ts";
import { channelsFirst } from "./_conditioning.ts";
import { FixedRunner, takeRows, toHost } from "../_fixed_runner.ts";
import { fixedSize, portsOf, wrap } from "../_ports.ts";
import { isResidual, residualPorts } from "./_residuals.ts";

const part = "the UNet";

/** What the UNet is made of. */
export interface AppleUnetOptions {
  /** Loads `Unet`, or `ControlledUnet`, whole or in chunks. */
  readonly load: (controlled: boolean) => Promise<Runner>;
  /** Whether it begins as the one for controls. @default {false} */
  readonly controlled?: boolean;
  /** Picture pixels per latent pixel. */
  readonly scale: number;
}

/** Loads a UNet. The one for controls takes its place when a control is first used, and stays. */
export async function appleUnet(
  { load, scale, ...start }: AppleUnetOptions,
): Promise<Unet & { readonly sizes: UnetSizes }> {
  let { controlled = false } = start;
  const network = new LazyPart(async (owned) =>
    owned.use(await wrap(await load(controlled), (runner) => new Network(runner, scale)))
  );
  const { ports } = await network.get();
  const inChannels = fixedSize(ports.sample, 1) ?? 4;
  const sizes = {
    inChannels,
    outChannels: inChannels === 9 ? 4 : inChannels, // compiled models often do not say the shape of their output
    sampleSize: fixedSize(ports.sample, 2) ?? 64,
    crossAttentionDim: fixedSize(ports.encoder_hidden_states, 1) ?? 768,
  };
  return {
    sizes,
    traits: unetTraits(sizes),
    async load({ ports: { residuals } }): Promise<void> {
      if (residuals.length > 0 && !controlled) {
        await network.release();
        controlled = true;
      }
      await network.get();
    },
    // deno-lint-ignore require-await -- what does not fit rejects
    async prepare(
      conditioning: Conditioning,
      { concat, signal }: PrepareOptions = {},
    ): Promise<NoisePredictor> {
      const states = channelsFirst(conditioning, ports.encoder_hidden_states, part);
      return {
        async predict(latent, timestep, residuals) {
          if (residuals !== undefined && !controlled) {
            await network.release();
            controlled = true;
          }
          const sample = concat === undefined ? latent : concatChannels(latent, concat);
          return await (await network.get()).predict({ sample, timestep, states, residuals, signal });
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
    [Symbol.asyncDispose]: () => network.release(),
  };
}

/** What one prediction takes. */
interface Prediction {
  readonly sample: Tensor;
  readonly timestep: number;
  /** `[rows, dim, 1, tokens]`. */
  readonly states: Tensor;
  readonly residuals: Residuals | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One of the two compiled networks. */
class Network implements AsyncDisposable {
  readonly ports: Record<"sample" | "timestep" | "encoder_hidden_states", Port>;
  readonly #runner: FixedRunner;

  constructor(runner: Runner, scale: number) {
    const inputs = { sample: 4, timestep: 1, encoder_hidden_states: 4 };
    this.ports = portsOf(runner, { part, inputs, optional: isResidual });
    this.#runner = new FixedRunner(runner, { part, main: this.ports.sample, scale });
  }

  async predict({ sample, timestep, states, residuals, signal }: Prediction): Promise<Tensor> {
    const [rows, prepared] = [sample.shape[0]!, states.shape[0]!];
    if (rows !== prepared) {
      throw new RangeError(
        `Cannot run ${part}: there are ${rows} latents, but it was prepared for ${prepared} rows.`,
      );
    }
    const outputs = await this.#runner.run({
      sample,
      timestep: { data: new Float32Array(rows).fill(timestep), shape: [rows] },
      encoder_hidden_states: states,
      ...await this.#residuals(residuals ?? {}, rows),
    }, signal === undefined ? {} : { signal });
    return outputs[this.#runner.outputs[0]!.name] as Tensor;
  }

  /** A tensor for every residual input: what a control gives, or zeros. */
  async #residuals(residuals: Residuals, rows: number): Promise<Record<string, AnyTensor>> {
    const ports = residualPorts(this.#runner.inputs);
    const others = Object.keys(residuals).filter((name) => !ports.some(({ place }) => place === name));
    if (others.length > 0) {
      throw new UnsupportedModelError(
        `Cannot add residuals to ${part} at ${others.join(", ")}: it was compiled with inputs for ` +
          `${ports.map(({ place }) => place).join(", ")}, as ControlNets give them.`,
      );
    }
    const tensors: Record<string, AnyTensor> = {};
    for (const { place, port } of ports) {
      const shape = [rows, ...port.shape.slice(1).map(Number)];
      const residual = residuals[place] ?? { data: new Float32Array(sizeOf(shape)), shape };
      tensors[port.name] = residual.shape[0] === rows ? residual : takeRows(await toHost(residual), 0, rows);
    }
    return tensors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
  }
}
