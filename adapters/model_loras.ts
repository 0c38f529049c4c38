/**
 * The LoRAs of a loaded model: which are in use, and what that means for its networks.
 *
 * @module
 */
import type { LoraInput } from "../core/model.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../weights/weights.ts";
import { activeLayers } from "./_active_layers.ts";
import { hotLoraInputs, type LoraPort } from "./hot_lora_inputs.ts";
import type { ActiveLora, Lora, LoraTarget } from "./lora.ts";
import { type LoraPorts, withLoraPorts } from "./lora_ports.ts";
import { loraModules } from "./lora_modules.ts";
import { mergeLora } from "./merge_lora.ts";
import { openLoraFile } from "./open_lora_file.ts";
import { readLora, type ReadLoraOptions } from "./read_lora.ts";
import type { WeightAdapter } from "./weight_adapter.ts";

/** The whole graphs of a model's networks. */
export interface LoraNetworks {
  /** The UNet. */
  readonly unet: Graph;
  /** The text encoder. */
  readonly textEncoder: Graph;
  /** A second one, where there is. */
  readonly textEncoder2?: Graph;
}

/** Opens the file of a LoRA. */
export type LoraFileOpener = (source: LoraInput["source"]) => Promise<Weights & AsyncDisposable>;

/** What a change of LoRAs comes to. */
export interface LoraChange {
  /** Keys of the files that belong to no module of the model; without `strict: false` they are an error. */
  readonly unmatched: string[];
  /** Networks that must be loaded again to show it; none of a model with ports. */
  readonly stale: ReadonlySet<LoraTarget>;
}

/**
 * The LoRAs of one model. Without ports `weights` merges; with ports, `ported` adds them to the graphs and `inputs`
 * gives their values.
 */
export interface ModelLoras {
  /**
   * Puts LoRAs in place of the present ones. One that is in use already is not read again, so that changing its
   * scale costs nothing else. After an error the present ones stay.
   *
   * @param onWarning As {@linkcode ReadLoraOptions.onWarning}.
   * @throws As {@linkcode readLora}; with ports, as {@linkcode hotLoraInputs}.
   */
  set(loras: readonly LoraInput[], onWarning?: (message: string) => void): Promise<LoraChange>;
  /** A network's weights with the LoRAs merged. */
  weights?(weights: Weights, target: LoraTarget): Weights;
  /** A network with ports, whole or in part. */
  ported?(graph: Graph): Graph;
  /** Values of a program's ports. */
  inputs?(ports: readonly LoraPort[], target: LoraTarget): Record<string, Tensor>;
}

/** Options of {@linkcode modelLoras}. */
export interface ModelLorasOptions {
  /** Which ports the networks have; without them LoRAs are merged. */
  readonly ports?: LoraPorts | undefined;
  /** How a file is opened. @default {openLoraFile} */
  readonly open?: LoraFileOpener;
  /** Kinds of adapters beside those that are known. @default {[]} */
  readonly adapters?: readonly WeightAdapter[] | undefined;
}

/**
 * Makes the LoRAs of a model; there are none at first.
 *
 * @example
 * ```ts ignore
 * const loras = modelLoras({
 *   unet: unet(unetConfig),
 *   textEncoder: clipText(textConfig),
 * });
 * const { stale } = await loras.set([{ source: "style.safetensors", scale: 0.8 }]);
 * if (stale.has("unet")) await unetPart.release();
 * ```
 */
export function modelLoras(
  networks: LoraNetworks,
  { ports, open = openLoraFile, adapters = [] }: ModelLorasOptions = {},
): ModelLoras {
  const graphs = Object.entries(networks) as [LoraTarget, Graph][];
  const targets = graphs.map(([target]) => target);
  const modules = Object.fromEntries(graphs.map(([target, graph]) => [target, loraModules(graph)]));
  const ported = ports && ((graph: Graph) => withLoraPorts(graph, ports));
  const hot = ported && graphs.map(([target, graph]) => [target, ported(graph).inputs] as const);
  const valuesOf = (loras: readonly ActiveLora[]) =>
    hot && new Map(hot.map(([target, inputs]) => [target, hotLoraInputs(inputs, target, loras)]));
  const read = new Map<LoraInput["source"], Lora>();
  let active: readonly ActiveLora[] = [];
  let values = valuesOf(active);
  return {
    async set(inputs, onWarning) {
      const next: (ActiveLora & Pick<LoraInput, "source">)[] = [];
      for (const { source, strict = true, scale = 1 } of inputs) {
        const known = read.get(source);
        const reuse = known !== undefined && !(strict && known.unmatched.length > 0);
        const lora = reuse
          ? known
          : await openLora(source, { strict, ...onWarning !== undefined && { onWarning } });
        next.push({ lora, scale, source });
      }
      const layers = (target: LoraTarget) =>
        activeLayers(active, target).size + activeLayers(next, target).size;
      const changed = targets.filter((target) => layers(target) > 0);
      values = valuesOf(next);
      active = next;
      read.clear();
      for (const { source, lora } of next) read.set(source, lora);
      return {
        unmatched: next.flatMap(({ lora }) => lora.unmatched),
        stale: new Set(ported === undefined ? changed : []),
      };
    },
    ...ported === undefined
      ? { weights: (weights: Weights, target: LoraTarget) => mergeLora(weights, target, active) }
      : {
        ported,
        inputs: (own: readonly LoraPort[], target: LoraTarget) => pick(values!.get(target)!, own),
      },
  };

  async function openLora(source: LoraInput["source"], options: ReadLoraOptions): Promise<Lora> {
    await using file = await open(source);
    return await readLora(file, modules, { ...options, adapters });
  }
}

/** Those values that a program has ports for: a text encoder that skips its last layers lacks some. */
function pick(values: Readonly<Record<string, Tensor>>, ports: readonly LoraPort[]): Record<string, Tensor> {
  return Object.fromEntries(ports.flatMap(({ name }) => values[name] ? [[name, values[name]]] : []));
}
