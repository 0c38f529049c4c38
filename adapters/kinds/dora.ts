/**
 * DoRA: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", equation 5.
 *
 * @module
 */
import { WeightsError } from "../../core/errors.ts";
import { sizeOf } from "../../core/tensor.ts";
import { addChange } from "../_matrices.ts";
import type { AdaptedModule, AdapterTensor, WeightAdapter } from "../weight_adapter.ts";

/**
 * W' = m · (W + ΔV) / ‖W + ΔV‖, ΔV being the change of another kind. The norm and m are per output, as the paper and
 * PEFT have them, or per input, as LyCORIS' older files do. The user's scale s counts as elsewhere: W + s · (W' − W).
 *
 * @param inner Kinds that it may stand beside.
 */
export function dora(inner: readonly WeightAdapter[]): WeightAdapter {
  return {
    kind: "DoRA",
    roles: { magnitude: /\.lora_magnitude_vector(?:\.[^.]+)*$/, doraScale: /\.dora_scale$/ },
    recognises: (roles) => roles.has("magnitude") || roles.has("doraScale"),
    async read(tensors, module) {
      const adapter = inner.find((kind) => kind.recognises(tensors.roles));
      const role = tensors.roles.has("magnitude") ? "magnitude" : "doraScale";
      const magnitude = await tensors.tensor(role);
      if (adapter === undefined) {
        throw new WeightsError(
          `Cannot load LoRA: key "${magnitude.key}" stands alone, expected factors beside it.`,
        );
      }
      const { bias, ...direction } = await adapter.read(tensors, module);
      const axis = role === "magnitude" ? perOutput(magnitude, module) : axisOf(magnitude, module);
      return {
        scale: 1,
        delta(weight) {
          const moved = weight.slice();
          addChange(moved, weight, direction);
          return decomposed(moved, magnitude.data, axis).map((value, i) => value - weight[i]!);
        },
        ...bias !== undefined && { bias: bias.map((value) => value * direction.scale) },
      };
    },
  };
}

/** Which elements of a weight share a norm: element i belongs to the group ⌊i / stride⌋ mod count. */
interface Axis {
  readonly stride: number;
  readonly count: number;
}

/** Of shape `[out]`, or `[1, out, 1, 1]` for a convolution. */
function perOutput(magnitude: AdapterTensor, module: AdaptedModule): Axis {
  const [outputs = 0, ...rest] = module.shape;
  if (magnitude.data.length !== outputs) throw misfit(magnitude, module);
  return { stride: sizeOf(rest), count: outputs };
}

/** Of shape `[out, 1, …]` or `[1, in, …]`. */
function axisOf(magnitude: AdapterTensor, module: AdaptedModule): Axis {
  const [outputs = 0, inputs = 0, ...window] = module.shape;
  const { data, shape } = magnitude;
  if (data.length === outputs && shape[0] === outputs) return perOutput(magnitude, module);
  if (data.length !== inputs || shape[0] !== 1) throw misfit(magnitude, module);
  return { stride: sizeOf(window), count: inputs };
}

function misfit({ key, shape }: AdapterTensor, { module, shape: weight }: AdaptedModule): WeightsError {
  return new WeightsError(
    `Cannot load LoRA: key "${key}" has shape [${shape}], expected a number for each output or input of "${module}" ` +
      `[${weight}].`,
  );
}

/** In place: each group scaled to its magnitude. */
function decomposed(weight: Float32Array, magnitude: Float32Array, { stride, count }: Axis): Float32Array {
  const squares = new Float64Array(count);
  const group = (i: number) => Math.floor(i / stride) % count;
  for (let i = 0; i < weight.length; i++) squares[group(i)]! += weight[i]! ** 2;
  const factors = squares.map((square, i) => square === 0 ? 0 : magnitude[i]! / Math.sqrt(square));
  for (let i = 0; i < weight.length; i++) weight[i]! *= factors[group(i)]!;
  return weight;
}
