/** What a stranger's ONNX model may hold before the native runtime sees it. */
import { UnsupportedModelError } from "../core/errors.ts";
import { graphsOf } from "../graph/onnx_external.ts";
import type { GraphProto, ModelProto, NodeProto, TensorProto } from "../graph/onnx_proto.ts";

/**
 * Operators that exports of diffusion models are made of, ONNX's own and those of ONNX Runtime. None of them decides or
 * repeats anything: a graph of these takes as many operations as it has nodes.
 */
const known: ReadonlySet<string> = new Set(
  `Abs Add And ArgMax ArgMin Attention AveragePool BatchNormalization BiasAdd BiasGelu BiasSplitGelu Cast CastLike Ceil Celu
  Clip Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout
  DynamicQuantizeLinear DynamicQuantizeMatMul Einsum Elu EmbedLayerNormalization Equal Erf Exp Expand EyeLike FastGelu
  Flatten Floor FusedConv FusedGemm FusedMatMul FusedMatMulActivation Gather GatherElements GatherND Gelu Gemm
  GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNorm GroupNormalization GroupQueryAttention HardSigmoid
  HardSwish Identity InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
  LpNormalization MatMul MatMulInteger MatMulIntegerToFloat MatMulNBits Max MaxPool Mean Min Mish Mod Mul MultiHeadAttention
  Neg NhwcConv NonZero Not OneHot Or PRelu Pad Pow QLinearAdd QLinearConv QLinearMatMul QLinearMul QLinearSigmoid
  QuantizeLinear QuickGelu RMSNormalization RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal
  ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RotaryEmbedding
  Round Scatter ScatterElements ScatterND Selu Shape Sigmoid Sign SimplifiedLayerNormalization Sin Size SkipGroupNorm
  SkipLayerNormalization SkipSimplifiedLayerNormalization Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Swish
  Tanh Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor`.split(/\s+/),
);

/**
 * Refuses operators that no export of a diffusion model needs, as loops and conditions, and shapes that ONNX Runtime
 * 1.30 does not survive: sizes of 0, windows that are empty, and scales that are no list.
 *
 * @param allowed Operators that are not looked at.
 * @throws {UnsupportedModelError} At the first one.
 */
export function refuseStrangeOperators(
  { graph, functions = [] }: ModelProto,
  name: string,
  allowed: ReadonlySet<string>,
): void {
  const refuse = (what: string, operator: string): never => {
    throw new UnsupportedModelError(
      `Cannot load ${name} on native: ${what}, which no export of a diffusion model has and which can end or hang this ` +
        `process. Use the wasm backend, or native({ allowOperators: ["${operator}"] }) if you trust the file.`,
    );
  };
  const own = new Set(functions.map((made) => made.name));
  const bodies = functions.map((made): GraphProto => ({ ...made, initializer: [], input: [], output: [] }));
  const empty = graph.input.find(({ type }) =>
    type?.tensorType?.shape?.dim?.some(({ dimValue }) => dimValue === 0)
  );
  if (empty !== undefined && allowed.size === 0) refuse(`its input "${empty.name}" has a size of 0`, "Slice");
  for (const part of [graph, ...bodies].flatMap((body) => [...graphsOf(body)])) {
    const constants = constantsOf(part);
    const shapes = new Set(part.node.flatMap(({ opType, output }) => opType === "Shape" ? output : []));
    for (const node of part.node) {
      const { opType } = node;
      if (allowed.has(opType)) continue;
      // An empty part of a list of sizes is what PyTorch writes for flatten(0) and unflatten(0).
      if (opType === "Slice" && shapes.has(node.input[0] ?? "")) continue;
      if (!known.has(opType) && !own.has(opType)) refuse(`it uses the operator "${opType}"`, opType);
      const fault = faults[opType]?.(node, (i) => constants.get(node.input[i] ?? ""));
      if (fault !== undefined) refuse(`its "${opType}" ${fault}`, opType);
    }
  }
}

/** Elements of a constant list. */
interface Constant {
  readonly rank: number;
  readonly values: readonly number[];
}

type Look = (input: number) => Constant | undefined;

/** What is wrong with a node, by its operator. */
const faults: Readonly<Record<string, (node: NodeProto, constant: Look) => string | undefined>> = {
  Resize(node, constant) {
    for (const input of [1, 2]) { // the region, the scales
      if ((node.input[input] ?? "") === "") continue;
      const list = constant(input);
      if (list === undefined || list.rank !== 1) return "has scales that are no constant list";
      if (input === 2 && list.values.some((scale) => !(scale >= 1 && scale <= 64))) {
        return `has the scales ${list.values.slice(0, 8).join(", ")}`;
      }
    }
    return sizesFault(constant(3));
  },
  Upsample: (node, constant) => {
    const list = node.input.length < 2 ? undefined : constant(1);
    if (node.input.length >= 2 && (list === undefined || list.rank !== 1)) {
      return "has scales that are no constant list";
    }
    return undefined;
  },
  Pad: (_, constant) => constant(1)?.values.some((size) => size < 0) ? "takes elements away" : undefined,
  Slice(_, constant) {
    const [starts, ends] = [constant(1), constant(2)];
    const empty = starts?.values.some((start, i) => {
      const end = ends?.values[i];
      return end !== undefined && start >= 0 === end >= 0 && start === end;
    });
    return empty ? "takes an empty window" : undefined;
  },
  ConstantOfShape: (_, constant) => sizesFault(constant(0)),
};

function sizesFault(sizes: Constant | undefined): string | undefined {
  if (sizes === undefined) return undefined;
  const elements = sizes.values.reduce((product, size) => product * size, 1);
  return sizes.values.some((size) => size < 1) || elements > 2 ** 31
    ? `has the sizes ${sizes.values.slice(0, 8).join(", ")}`
    : undefined;
}

/** Longest list of sizes, scales or places. */
const mostElements = 64;

function constantsOf({ initializer, node }: GraphProto): ReadonlyMap<string, Constant> {
  const found = new Map<string, Constant>();
  const add = (name: string, tensor: TensorProto) => {
    const values = elementsOf(tensor);
    if (values !== undefined) found.set(name, { rank: tensor.dims.length, values });
  };
  for (const tensor of initializer) add(tensor.name ?? "", tensor);
  for (const { opType, output, attribute = [] } of node) {
    if (opType !== "Constant") continue;
    for (const { name, t, ints, floats } of attribute) {
      if (name === "value" && t !== undefined) add(output[0] ?? "", t);
      const list = name === "value_ints" ? ints : name === "value_floats" ? floats : undefined;
      if (list !== undefined) found.set(output[0] ?? "", { rank: 1, values: list });
    }
  }
  return found;
}

/** Small lists of int64 or float32 alone: what sizes, places and scales are. */
function elementsOf(tensor: TensorProto): readonly number[] | undefined {
  const { dims, dataType, rawData, int64Data = [], floatData = [] } = tensor;
  const length = dims.reduce((product, size) => product * size, 1);
  if (length > mostElements) return undefined;
  if (rawData === undefined) return dataType === 7 ? int64Data : dataType === 1 ? floatData : undefined;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const size = dataType === 7 ? 8 : 4;
  if (rawData.byteLength !== length * size) return undefined;
  if (dataType === 7) return Array.from({ length }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  return dataType === 1 ? Array.from({ length }, (_, i) => view.getFloat32(4 * i, true)) : undefined;
}
