/**
 * From our operations to ONNX's. Which form is fastest was measured with `deno task bench operators`; the reasons
 * stand beside the choices.
 */
import type { Node, Operator } from "./graph.ts";
import type { Emitter } from "./onnx.ts";

type Rule<O extends Operator> = (
  node: Node<O>,
  emit: Emitter,
  inputs: readonly string[],
  output: string,
) => void;

/** Writes one node. */
export function lower<O extends Operator>(node: Node<O>, emit: Emitter): void {
  const inputs = node.inputs.map((input) => input?.name ?? "");
  rules[node.operator](node, emit, inputs, node.outputs[0]!.name);
}

const same = (opType: string): Rule<Operator> => (node, emit, inputs, output) =>
  emit.node(opType, node.layer, inputs, output);

const rules: { readonly [O in Operator]: Rule<O> } = {
  conv2d(node, emit, inputs, output) {
    const { kernel, stride, groups, pads } = node.attributes;
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], group: groups, pads };
    emit.node("Conv", node.layer, inputs, output, attributes);
  },
  linear(node, emit, [x, weight, bias], output) {
    if (bias === undefined) return transposedProduct(node, emit, x!, weight!, output);
    const product = `${output}:product`;
    transposedProduct(node, emit, x!, weight!, product);
    emit.node("Add", node.layer, [product, bias], output);
  },
  matmul(node, emit, [a, b], output) {
    if (!node.attributes.transposed) return emit.node("MatMul", node.layer, [a!, b!], output);
    const order = node.inputs[1]!.shape.map((_, i, { length }) => i < length - 2 ? i : 2 * length - 3 - i);
    emit.node("MatMul", node.layer, [a!, emit.step("Transpose", node, [b!], { perm: order })], output);
  },
  groupNorm(node, emit, [x, weight, bias], output) {
    const { groups, epsilon } = node.attributes;
    const ones = emit.floats(Array(groups).fill(1), [groups]);
    const zeros = emit.floats(Array(groups).fill(0), [groups]);
    const grouped = emit.step("Reshape", node, [x!, emit.int64s([0, groups, -1])]);
    const normal = emit.support.preciseInstanceNorm
      ? emit.step("InstanceNormalization", node, [grouped, ones, zeros], { epsilon })
      : emit.step("InstanceNormalization", node, [centred(node, emit, grouped, epsilon), ones, zeros]);
    const full = emit.step("Reshape", node, [normal, emit.step("Shape", node, [x!])]);
    // BatchNormalization of mean 0 and variance 1 is the affine map in one pass. With Mul and Add in its place the
    // norm takes 1.0 to 2.0 times as long on native, 1.05 on WASM; as GroupNormalization 1.8 to 8 and 1.3 to 2 times.
    const channels = node.inputs[0]!.shape[1] as number;
    const perChannel = [weight!, bias!].map((name) =>
      emit.step("Reshape", node, [name, emit.int64s([channels])])
    );
    const [mean, variance] = [0, 1].map((value) => emit.floats(Array(channels).fill(value), [channels]));
    emit.node("BatchNormalization", node.layer, [full, ...perChannel, mean!, variance!], output, {
      epsilon: 0,
    });
  },
  layerNorm(node, emit, inputs, output) {
    emit.node("LayerNormalization", node.layer, inputs, output, {
      axis: -1,
      epsilon: node.attributes.epsilon,
    });
  },
  attention(node, emit, [query, key, value, bias], output) {
    const { heads, causal, activation, lengthNorm } = node.attributes;
    // Decomposed, native takes 1.2 to 1.6 times as long at 1024² and 4096² and as long below; WASM as long at all sizes.
    if (emit.support.multiHeadAttention && activation === "softmax") {
      const inputs = [
        query!,
        key!,
        value!,
        ...(bias ? ["", "", biasOfQueries(node, emit, query!, bias)] : []),
      ];
      return emit.node("MultiHeadAttention", node.layer, inputs, output, {
        num_heads: heads,
        unidirectional: causal ? 1 : 0,
      });
    }
    const split = (x: string, perm: readonly number[]) =>
      emit.step("Transpose", node, [emit.step("Reshape", node, [x, emit.int64s([0, 0, heads, -1])])], {
        perm,
      });
    const scale = Math.sqrt(heads / (node.inputs[0]!.shape.at(-1) as number));
    const scaled = emit.step("Mul", node, [split(query!, [0, 2, 1, 3]), emit.floats([scale])]);
    let scores = emit.step("MatMul", node, [scaled, split(key!, [0, 2, 3, 1])]);
    if (bias) scores = emit.step("Add", node, [scores, bias]);
    if (causal) scores = emit.step("Add", node, [scores, causalBias(node, emit, scores)]);
    let weights = emit.step(
      activation === "relu" ? "Relu" : "Softmax",
      node,
      [scores],
      activation === "relu" ? {} : { axis: -1 },
    );
    if (lengthNorm) {
      const keys = emit.step("Shape", node, [key!], { start: 1, end: 2 });
      emit.cast(keys, `${keys}:float`, emit.compute);
      weights = emit.step("Div", node, [weights, `${keys}:float`]);
    }
    const mixed = emit.step("MatMul", node, [weights, split(value!, [0, 2, 1, 3])]);
    const joined = emit.step("Transpose", node, [mixed], { perm: [0, 2, 1, 3] });
    emit.node("Reshape", node.layer, [joined, emit.int64s([0, 0, -1])], output);
  },
  // QuickGelu and Sigmoid with Mul take the same time; one node holds one intermediate result less.
  silu(node, emit, [x], output) {
    if (emit.support.quickGelu) return emit.node("QuickGelu", node.layer, [x!], output, { alpha: 1 });
    emit.node("Mul", node.layer, [x!, emit.step("Sigmoid", node, [x!])], output);
  },
  quickGelu(node, emit, [x], output) {
    if (emit.support.quickGelu) return emit.node("QuickGelu", node.layer, [x!], output, { alpha: 1.702 });
    const scaled = emit.step("Mul", node, [x!, emit.floats([1.702])]);
    emit.node("Mul", node.layer, [x!, emit.step("Sigmoid", node, [scaled])], output);
  },
  gelu: same("Gelu"),
  relu: same("Relu"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  add: same("Add"),
  subtract: same("Sub"),
  multiply: same("Mul"),
  divide: same("Div"),
  clamp(node, emit, [x], output) {
    const { min, max } = node.attributes;
    // Not Clip: its half-precision shader does not compile on every WebGPU.
    const raised = emit.step("Max", node, [x!, emit.floats([min])]);
    emit.node("Min", node.layer, [raised, emit.floats([max])], output);
  },
  softmax(node, emit, inputs, output) {
    emit.node("Softmax", node.layer, inputs, output, { axis: -1 });
  },
  concat(node, emit, inputs, output) {
    emit.node("Concat", node.layer, inputs, output, { axis: node.attributes.axis });
  },
  split(node, emit, inputs) {
    const outputs = node.outputs.map(({ name }) => name);
    emit.node("Split", node.layer, inputs, outputs, { axis: -1, num_outputs: outputs.length });
  },
  slice(node, emit, [x], output) {
    const { axis, start, end } = node.attributes;
    const bounds = [start, end, axis].map((value) => emit.int64s([value]));
    emit.node("Slice", node.layer, [x!, ...bounds], output);
  },
  transpose(node, emit, inputs, output) {
    emit.node("Transpose", node.layer, inputs, output, { perm: node.attributes.order });
  },
  reshape(node, emit, [x], output) {
    emit.node("Reshape", node.layer, [x!, emit.int64s(node.attributes.shape)], output);
  },
  reshapeLike(node, emit, [x, like], output) {
    emit.node("Reshape", node.layer, [x!, emit.step("Shape", node, [like!])], output);
  },
  resizeLike(node, emit, [x, like], output) {
    const rows = emit.step("Shape", node, [x!], { start: 0, end: 2 });
    const sizes = emit.step("Concat", node, [rows, emit.step("Shape", node, [like!], { start: 2, end: 4 })], {
      axis: 0,
    });
    emit.node("Resize", node.layer, [x!, "", "", sizes], output, nearest);
  },
  resize(node, emit, [x], output) {
    const factor = node.attributes.factor;
    const scales = emit.scales([1, 1, factor, factor]);
    emit.node("Resize", node.layer, [x!, "", scales], output, nearest);
  },
  spaceToDepth(node, emit, [x], output) {
    const factor = node.attributes.factor;
    const channels = node.inputs[0]!.shape[1] as number;
    // ONNX puts the block's position before the channel, PyTorch after it.
    const blocks = emit.step("SpaceToDepth", node, [x!], { blocksize: factor });
    const apart = emit.step("Reshape", node, [blocks, emit.int64s([0, factor * factor, channels, -1])]);
    const swapped = emit.step("Transpose", node, [apart], { perm: [0, 2, 1, 3] });
    const shape = emit.step("Shape", node, [blocks]);
    emit.node("Reshape", node.layer, [swapped, shape], output);
  },
  averagePool(node, emit, inputs, output) {
    const { kernel, ceil } = node.attributes;
    const attributes = { kernel_shape: [kernel, kernel], strides: [kernel, kernel], ceil_mode: ceil ? 1 : 0 };
    emit.node("AveragePool", node.layer, inputs, output, attributes);
  },
  gather(node, emit, inputs, output) {
    emit.node("Gather", node.layer, inputs, output, { axis: 0 });
  },
  cast(node, emit, [x], output) {
    const { type } = node.outputs[0]!;
    emit.cast(x!, output, type === "float32" ? emit.compute : type);
  },
};

const nearest = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };

/**
 * What InstanceNormalization with its default epsilon of 10⁻⁵ must be given for the result of another epsilon: the
 * mean is taken away, and scaling by s is as good as an epsilon that is s² times smaller.
 */
function centred(node: Node, emit: Emitter, x: string, epsilon: number): string {
  const mean = emit.step("ReduceMean", node, [x, emit.int64s([-1])]);
  const difference = emit.step("Sub", node, [x, mean]);
  const scale = Math.sqrt(1e-5 / epsilon);
  return scale === 1 ? difference : emit.step("Mul", node, [difference, emit.floats([scale])]);
}

/**
 * x · weightᵀ. The runtime packs the weight at load in either form, and they are equally fast (so is Gemm), but the
 * transposed copy of the second one is made in memory first.
 */
function transposedProduct(node: Node, emit: Emitter, x: string, weight: string, output: string): void {
  if (emit.support.fusedMatMul) {
    return emit.node("FusedMatMul", node.layer, [x, weight], output, { transB: 1 });
  }
  emit.node("MatMul", node.layer, [x, emit.step("Transpose", node, [weight], { perm: [1, 0] })], output);
}

/** A bias `[rows, 1, 1 or queries, keys]` repeated for every query, as MultiHeadAttention wants it. */
function biasOfQueries(node: Node, emit: Emitter, query: string, bias: string): string {
  const one = emit.int64s([1]);
  const queries = emit.step("Shape", node, [query], { start: 1, end: 2 });
  const shape = emit.step("Concat", node, [one, one, queries, one], { axis: 0 });
  return emit.step("Expand", node, [bias, shape]);
}

/** [n, n] with −10000 above the diagonal, n being the last size of the scores. */
function causalBias(node: Node, emit: Emitter, scores: string): string {
  const size = emit.step("Shape", node, [scores], { start: 2, end: 4 });
  const full = emit.step("Expand", node, [emit.floats([-10000]), size]);
  return emit.step("Trilu", node, [full, emit.int64s([1])], { upper: 1 });
}
