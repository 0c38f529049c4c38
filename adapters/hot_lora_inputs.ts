/**
 * The values of a network's LoRA ports.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";
import { type ActiveLayer, activeLayers } from "./_active_layers.ts";
import { downModule, portName } from "./_port_name.ts";
import type { ActiveLora, LoraTarget } from "./lora.ts";
import type { LowRankProduct } from "./weight_adapter.ts";

/** An input of a program: a runner's port, or a graph's input. */
export interface LoraPort {
  /** Its name; those that are not LoRA ports are passed over. */
  readonly name: string;
  /** Its sizes. */
  readonly shape: readonly (number | string)[];
}

/**
 * Values for all LoRA ports of a program: the factors of all active LoRAs side by side, scales folded in, and zeros
 * for the rest of the rank. Without LoRAs all are zero. They are the same at every step: make them once a change.
 *
 * @param ports The program's inputs, see {@linkcode withLoraPorts}. For a text encoder that skips its last layers give
 * those of the whole one, and leave out the values that it has no port for.
 * @param target Which network it is.
 * @throws {UnsupportedModelError} If a LoRA changes a module without a port, or is no product of two factors (LoHa,
 * LoKr, DoRA, full differences, biases): merge it instead.
 * @throws {RangeError} If the ranks of a module's LoRAs add up to more than the ports hold.
 *
 * @example
 * ```ts ignore
 * import { hotLoraInputs } from "@mobile-diffusion/sdk/adapters";
 *
 * const factors = hotLoraInputs(runner.inputs, "unet", [{ lora: style, scale: 0.8 }]);
 * await runner.run({ ...inputs, ...factors });
 * ```
 */
export function hotLoraInputs(
  ports: readonly LoraPort[],
  target: LoraTarget,
  loras: readonly ActiveLora[],
): Record<string, Tensor> {
  const shapes = new Map(ports.map(({ name, shape }) => [name, shape as readonly number[]]));
  const active = activeLayers(loras, target);
  for (const module of active.keys()) {
    if (shapes.has(portName(module, "down"))) continue;
    throw new UnsupportedModelError(
      `Cannot set LoRA: the model was loaded without a port for "${module}". ` +
        `Load it with ports for all modules, or merge the LoRA.`,
    );
  }
  const inputs: Record<string, Tensor> = {};
  for (const name of shapes.keys()) {
    const module = downModule(name);
    if (module === undefined) continue;
    const [down, up] = [name, portName(module, "up")];
    const factors = joinFactors(module, shapes.get(down)!, shapes.get(up)!, active.get(module) ?? []);
    [inputs[down], inputs[up]] = factors;
  }
  return inputs;
}

/** The two factors of one module; a linear layer's are `[in, rank]` and `[rank, out]`, a convolution's not transposed. */
function joinFactors(
  module: string,
  downShape: readonly number[],
  upShape: readonly number[],
  layers: readonly ActiveLayer[],
): [Tensor, Tensor] {
  const linear = downShape.length === 2;
  const rank = linear ? downShape[1]! : downShape[0]!;
  const [columns, outputs] = [sizeOf(downShape) / rank, sizeOf(upShape) / rank];
  const down = new Float32Array(sizeOf(downShape));
  const up = new Float32Array(sizeOf(upShape));
  let first = 0;
  for (
    const { up: { data: left }, down: { data: right, shape: [own = 0] }, scale } of products(
      module,
      layers,
      rank,
    )
  ) {
    for (let r = 0; r < own; r++, first++) {
      for (let i = 0; i < columns; i++) {
        down[linear ? i * rank + first : first * columns + i] = right[r * columns + i]!;
      }
      for (let o = 0; o < outputs; o++) {
        up[linear ? first * outputs + o : o * rank + first] = scale * left[o * own + r]!;
      }
    }
  }
  return [{ data: down, shape: downShape }, { data: up, shape: upShape }];
}

/** What ports can hold: products whose ranks fit. */
function products(
  module: string,
  layers: readonly ActiveLayer[],
  rank: number,
): (LowRankProduct & { readonly scale: number })[] {
  const found = layers.map(({ lowRank, delta, bias, kind, scale }) => {
    if (lowRank !== undefined && delta === undefined && bias === undefined) return { ...lowRank, scale };
    throw new UnsupportedModelError(
      `Cannot set LoRA: its layer "${module}" is a ${
        lowRank === undefined ? kind : `${kind} with a bias`
      }, which ports cannot hold. Merge it instead.`,
    );
  });
  const ranks = found.map(({ down }) => down.shape[0]!);
  const total = ranks.reduce((sum, own) => sum + own, 0);
  if (total <= rank) return found;
  throw new RangeError(
    `Cannot set LoRA: the ranks at "${module}" are ${ranks.join(" + ")} = ${total}, ` +
      `but the ports hold ${rank}. Load the model with ports of rank ${total}, or merge.`,
  );
}
