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
import { residualPorts } from "../graph/passes/residual_ports.ts";
import { guidanceFeatures, sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { type UnetArchitecture, unetTraits } from "../models/unet_config.ts";
import { entry } from "./_conditioning.ts";

/** What a {@linkcode Unet} of ours is made of. */
export interface GraphUnetOptions {
  /** Its architecture. */
  readonly architecture: UnetArchitecture;
  /** Loads a graph with the network's weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
  /** Adds ports to the graph and gives their values. */
  readonly loras?: Pick<ModelLoras, "ported" | "inputs">;
}

/**
 * A UNet that is loaded by {@linkcode Unet.load}, or when it is first called; and again, with more ports, where a mask
 * or a control comes that `load` was not told of.
 */
export function graphUnet(options: GraphUnetOptions): Unet {
  const network = new PortedNetwork(options);
  return {
    traits: unetTraits(options.architecture),
    async load({ ports: { residuals } }): Promise<void> {
      await network.runner({ residuals });
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
      const { runner, ports } = await network.runner({ mask, residuals: Object.keys(residuals) });
      const time = sinusoids(Array(rows).fill(timestep), {
        features: timeFeatures,
        flipSinToCos,
        frequencyShift,
      });
      const [, , height, width] = latent.shape as [number, number, number, number];
      const idle = ports.filter(({ name }) => network.steers(name) && residuals[name] === undefined);
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
  /** The text's mask. */
  readonly mask?: boolean;
  /** Places of residuals. */
  readonly residuals: readonly string[];
}

/** A network with the ports that it has now. */
interface Loaded {
  readonly runner: Runner;
  readonly ports: Graph["inputs"];
}

/** One loaded network that gains ports as they are asked for, and never loses them again. */
class PortedNetwork implements AsyncDisposable {
  readonly #network: GraphUnetOptions;
  readonly #residuals = new Set<string>();
  #mask = false;
  #loading: Promise<Loaded> | undefined;

  constructor(network: GraphUnetOptions) {
    this.#network = network;
  }

  /** Whether an input is a residual's. */
  steers(name: string): boolean {
    return this.#residuals.has(name);
  }

  async runner({ mask = false, residuals }: Ports): Promise<Loaded> {
    const missing = mask && !this.#mask || residuals.some((name) => !this.#residuals.has(name));
    if (this.#loading !== undefined && !missing) return await this.#loading;
    const { architecture, load, loras } = this.#network;
    const plain = unet(architecture, { attentionMask: mask || this.#mask });
    checkPlaces(plain, residuals);
    await this[Symbol.asyncDispose]();
    this.#mask ||= mask;
    for (const name of residuals) this.#residuals.add(name);
    const steered = residualPorts(plain, this.#residuals);
    const graph = loras?.ported?.(steered) ?? steered;
    const loading = load(graph).then((runner) => ({ runner, ports: graph.inputs }));
    this.#loading = loading;
    loading.catch(() => {
      if (this.#loading === loading) this.#loading = undefined; // the next call tries again
    });
    return await loading;
  }

  /** Waits for what is being loaded: nothing comes into being behind whoever has freed it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const loading = this.#loading;
    this.#loading = undefined;
    const loaded = await loading?.catch(() => undefined);
    await loaded?.runner[Symbol.asyncDispose]();
  }
}

function checkPlaces({ places = [] }: Graph, residuals: readonly string[]): void {
  const unknown = residuals.find((name) => !places.some((place) => place.name === name));
  if (unknown === undefined) return;
  throw new TypeError(
    `Cannot steer the UNet at "${unknown}": it has ${places.map(({ name }) => name).join(", ")}. ` +
      `The control was made for another model.`,
  );
}
