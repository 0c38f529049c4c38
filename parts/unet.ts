/**
 * A UNet of ours on a backend.
 *
 * @module
 */
import type { ModelLoras } from "../adapters/mod.ts";
import type { Runner } from "../backends/backend.ts";
import type { Conditioning, NoisePredictor, PrepareOptions, Residuals, Unet } from "../core/parts.ts";
import { concatChannels, sizeOf, type Tensor } from "../core/tensor.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph } from "../graph/graph.ts";
import { guidanceFeatures, sinusoids } from "../models/sinusoids.ts";
import { unet, type UnetGraphOptions } from "../models/unet.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";

/** What a {@linkcode Unet} of ours is made of. */
export interface GraphUnetOptions {
  /** Its architecture. */
  readonly architecture: UnetArchitecture;
  /** Loads a graph with the network's weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
  /** Adds ports to the graph and gives their values. */
  readonly loras?: Pick<ModelLoras, "hook" | "inputs">;
}

/** Loads a UNet. It is loaded again, with ports, when a mask or a control is first used. */
export async function graphUnet(options: GraphUnetOptions): Promise<Unet> {
  const network = new PortedNetwork(options);
  await network.runner({});
  return {
    config: options.architecture,
    prepare: (conditioning, bound) => Promise.resolve(predictor(network, options, conditioning, bound)),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

function predictor(
  network: PortedNetwork,
  { architecture, loras }: GraphUnetOptions,
  { hidden, mask }: Conditioning,
  { concat, guidanceScale, signal }: PrepareOptions = {},
): NoisePredictor {
  const rows = hidden.shape[0]!;
  const { timeCondProjDim, timeFeatures, flipSinToCos, frequencyShift } = architecture;
  const fixed = {
    encoder_hidden_states: hidden,
    ...mask !== undefined && { encoder_attention_mask: mask },
    ...timeCondProjDim !== undefined && {
      timestep_cond: guidanceFeatures(guidanceScale ?? 1, rows, timeCondProjDim),
    },
  };
  return {
    async predict(latent, timestep, residuals = {}) {
      const { runner, ports } = await network.runner({ mask: mask !== undefined, ...kinds(residuals) });
      const time = sinusoids(Array(rows).fill(timestep), {
        features: timeFeatures,
        flipSinToCos,
        frequencyShift,
      });
      const [, , height, width] = latent.shape as [number, number, number, number];
      const idle = ports.filter(({ name }) => isResidual(name) && residuals[name] === undefined);
      const zeros = idle.map(({ name, shape }) => {
        const sizes = shape.map((size) => evaluate(size, { height, width, [`${name}_rows`]: 1 }));
        return [name, { data: new Float32Array(sizeOf(sizes)), shape: sizes }] as const;
      });
      const { out_sample } = await runner.run({
        ...fixed,
        sample: concat === undefined ? latent : concatChannels(latent, concat),
        time_features: time,
        ...residuals,
        ...Object.fromEntries(zeros),
        ...loras?.inputs?.(ports, "unet"),
      }, signal === undefined ? {} : { signal });
      return out_sample as Tensor;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Which optional ports a call needs. */
interface Ports {
  readonly mask?: boolean;
  readonly skips?: boolean;
  readonly levels?: boolean;
}

/** One loaded network that gains ports as they are asked for, and never loses them again. */
class PortedNetwork implements AsyncDisposable {
  readonly #network: GraphUnetOptions;
  #options: UnetGraphOptions = {};
  #loaded: { readonly runner: Runner; readonly ports: Graph["inputs"] } | undefined;

  constructor(network: GraphUnetOptions) {
    this.#network = network;
    const hook = network.loras?.hook?.("unet");
    if (hook !== undefined) this.#options = { hook };
  }

  async runner({ mask, skips, levels }: Ports): Promise<{ runner: Runner; ports: Graph["inputs"] }> {
    const { attentionMask = false, skipResiduals = false, levelResiduals = false } = this.#options;
    const missing = mask && !attentionMask || skips && !skipResiduals || levels && !levelResiduals;
    if (this.#loaded !== undefined && !missing) return this.#loaded;
    await this[Symbol.asyncDispose]();
    this.#options = {
      ...this.#options,
      attentionMask: attentionMask || mask === true,
      skipResiduals: skipResiduals || skips === true,
      levelResiduals: levelResiduals || levels === true,
    };
    const { architecture, load } = this.#network;
    const graph = unet(architecture, this.#options);
    return this.#loaded = { runner: await load(graph), ports: graph.inputs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loaded?.runner[Symbol.asyncDispose]();
    this.#loaded = undefined;
  }
}

function kinds(residuals: Residuals): Ports {
  const names = Object.keys(residuals);
  return {
    skips: names.some((name) => name.startsWith("skip.") || name === "mid"),
    levels: names.some((name) => name.startsWith("down.")),
  };
}

function isResidual(name: string): boolean {
  return name === "mid" || /^(skip|down)\.\d+$/.test(name);
}
