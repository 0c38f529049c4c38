/** Which initialisers of an ONNX model are the weights of which modules. */
import { UnsupportedModelError } from "../core/errors.ts";
import type { ModelProto, NodeProto, TensorProto } from "../graph/onnx_proto.ts";

/** A module's weight. */
export interface OnnxWeight {
  /** `[out, in]`, or `[out, in, k, k]`. */
  readonly shape: readonly number[];
  /** The tensor has `[in, out]` instead. */
  readonly transposed: boolean;
  readonly tensor: TensorProto;
}

/**
 * Finds the weights of linear layers and convolutions by module path.
 *
 * @throws {UnsupportedModelError} If the model has none, which says that it was optimised for one runtime.
 */
export function findOnnxWeights({ graph }: ModelProto): Map<string, OnnxWeight> {
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const weights = new Map<string, OnnxWeight>();
  for (const node of graph.node) {
    const place = weightInput(node);
    const tensor = place === undefined ? undefined : tensors.get(node.input[place]);
    if (tensor === undefined || tensor.dims.length < 2) continue;
    const found = moduleOf(node, tensor);
    if (found === undefined) continue;
    // Text encoders that were exported by newer versions of transformers lack the first name of all their paths.
    const module = found.startsWith("encoder.layers.") ? `text_model.${found}` : found;
    const transposed = liesTransposed(node);
    const dims = tensor.dims.map(Number);
    weights.set(module, { shape: transposed ? dims.toReversed() : dims, transposed, tensor });
  }
  if (weights.size > 0) return weights;
  throw new UnsupportedModelError(
    "Cannot find the modules of the ONNX model: neither nodes nor weights have module names. " +
      "Export it again, without optimisations for one runtime.",
  );
}

function weightInput({ opType }: NodeProto): number | undefined {
  if (opType === "Conv" || opType === "Gemm" || opType === "MatMul") return 1;
  return opType === "Transpose" ? 0 : undefined; // before a MatMul, in exports without constant folding
}

/** From the weight's name where it has one (convolutions, Gemm), else from the name of the MatMul. */
function moduleOf({ opType, name = "" }: NodeProto, tensor: TensorProto): string | undefined {
  if (tensor.name?.endsWith(".weight")) return tensor.name.slice(0, -".weight".length);
  if (opType !== "MatMul") return undefined;
  const [, path] = name.match(/^\/(.+)\/MatMul(?:_\d+)?$/) ?? [];
  return path?.replaceAll("/", ".");
}

function liesTransposed({ opType, attribute = [] }: NodeProto): boolean {
  if (opType === "MatMul") return true;
  return opType === "Gemm" && attribute.find(({ name }) => name === "transB")?.i !== 1;
}
