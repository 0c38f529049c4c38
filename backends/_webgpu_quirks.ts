/** What a GPU, or ONNX Runtime 1.30's WebGPU provider, cannot do with a model. */
import { UnsupportedModelError } from "../core/errors.ts";
import { type GraphProto, type NodeProto, onnxTypes } from "../graph/onnx_proto.ts";

/** Whether a model computes in half precision, for which a GPU needs `shader-f16`. */
export function usesFloat16({ input, initializer, node }: GraphProto): boolean {
  const { float16 } = onnxTypes;
  return input.some(({ type }) => type.tensorType.elemType === float16) ||
    initializer.some(({ dataType }) => dataType === float16) ||
    node.some(({ opType, attribute }) => opType === "Cast" && attribute?.some(({ i }) => i === float16));
}

/**
 * The convolutions that the provider gets wrong, to be left to the CPU: those that read channels three by three although there are more than
 * three (6, 9, 15, …: the first layer of an inpainting UNet has 9). On the CPU one of these costs milliseconds.
 *
 * @returns Names of the nodes.
 * @throws {UnsupportedModelError} If such a node has no name by which the runtime could be told.
 */
export function wrongConvolutions(graph: GraphProto, program: string): string[] {
  return graph.node.filter((node) => node.opType === "Conv" && isWrong(weightShape(graph, node))).map(
    ({ name }) => {
      if (name) return name;
      throw new UnsupportedModelError(
        `Cannot load ${program} on webgpu: it has a nameless convolution that the provider gets wrong. Use another backend.`,
      );
    },
  );
}

/**
 * Refuses somebody's model that the provider gets wrong on a device with "subgroups".
 *
 * @throws {UnsupportedModelError} If an operator of it attends causally.
 */
export function refuseCausalAttention({ node }: GraphProto, program: string): void {
  const causal = node.find(({ opType, attribute }) =>
    opType === "GroupQueryAttention" ||
    /Attention$/.test(opType) &&
      attribute?.some(({ name, i }) => /^(unidirectional|is_causal)$/.test(name) && i === 1)
  );
  if (causal === undefined) return;
  throw new UnsupportedModelError(
    `Cannot load ${program} on webgpu: the device has "subgroups", with which the runtime computes the causal ` +
      `${causal.opType} "${causal.name}" wrongly. Give a device without this feature, or none.`,
  );
}

/** `[out, in / groups, height, width]`, the in-channels a multiple of 3 but not of 4, and the window not 1 × 1. */
function isWrong([out = 0, into = 0, ...kernel]: readonly number[]): boolean {
  return out % 4 === 0 && into > 3 && into % 3 === 0 && into % 4 !== 0 && kernel.some((size) => size > 1);
}

/** Shape of a convolution's weight, also where it is cast or dequantised first. */
function weightShape({ node, initializer }: GraphProto, { input }: NodeProto): readonly number[] {
  let name = input[1]!;
  for (let maker: NodeProto | undefined; (maker = node.find(({ output }) => output[0] === name));) {
    name = maker.input[0]!;
  }
  return initializer.find((tensor) => tensor.name === name)?.dims ?? [];
}
