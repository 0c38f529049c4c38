/**
 * A UNet of ours on a backend.
 *
 * @module
 */
import type { ModelLoras } from "../adapters/mod.ts";
import type { Runner } from "../backends/backend.ts";
import type { Conditioning, NoisePredictor, PrepareOptions, Unet } from "../core/parts.ts";
import { concatChannels, sizeOf, type Tensor } from "../core/tensor.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph } from "../graph/graph.ts";
import { guidanceFeatures, sinusoids } from "../models/sinusoids.ts";
import { unet, type UnetGraphOptions } from "../models/unet.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import { entry } from "./_conditioning.ts";

/** What a {@linkcode Unet} of ours is made of. */
export interface GraphUnetOptions {
  /** Its architecture. */
  readonly architecture: UnetArchitecture;
  /** Loads a graph with the network's weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
  /** Adds ports to the graph and gives their values. */
  readonly loras?: Pick<ModelLoras, "hook" | "inputs">;
}

/**
 * A UNet that is loaded by {@linkcode Unet.load}, or when it is first called; and again, with more ports, where a mask
 * or a control comes that `load` was not told of.
 */
export function graphUnet(options: GraphUnetOptions): Unet {
  const network = new PortedNetwork(options);
  return {
    config: options.architecture,
    async load({ ports: { residuals } }): Promise<void> {
      await network.runner(kinds(residuals));
    },
    prepare: (conditioning, bound) => Promise.resolve(predictor(network, options, conditioning, bound)),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

function predictor(
  network: PortedNetwork,
  { architecture, loras }: GraphUnetOptions,
  conditioning: Conditioning,
  { concat, guidanceScale, signal }: PrepareOptions = {},
): NoisePredictor {
  const rows = entry(conditioning, "encoder_hidden_states", "the UNet").shape[0]!;
  const mask = conditioning["encoder_attention_mask"] !== undefined;
  const { timeCondProjDim, timeFeatures, flipSinToCos, frequencyShift } = architecture;
  const fixed = {
    ...conditioning,
    ...timeCondProjDim !== undefined && {
      timestep_cond: guidanceFeatures(guidanceScale ?? 1, rows, timeCondProjDim),
    },
  };
  return {
    async predict(latent, timestep, residuals = {}) {
      const { runner, ports } = await network.runner({ mask, ...kinds(Object.keys(residuals)) });
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

function kinds(names: readonly string[]): Ports {
  return {
    skips: names.some((name) => name.startsWith("skip.") || name === "mid"),
    levels: names.some((name) => name.startsWith("down.")),
  };
}

function isResidual(name: string): boolean {
  return name === "mid" || /^(skip|down)\.\d+$/.test(name);
}
