/** One small program for every operator, with its answer in plain loops. */
import type { Tensor, TensorData } from "../core/tensor.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Activation, Operator, Value } from "../graph/graph.ts";
import type { MemoryTensor } from "../weights/memory.ts";
import {
  at,
  attend,
  convolve,
  dot,
  map,
  nearest,
  normalCdf,
  normalise,
  softmax,
  table,
} from "./_backend_reference.ts";
import { ramp, weight } from "./_backend_world.ts";

/** A program of one operator. */
export interface OperatorCase {
  readonly operator: Operator;
  /** Tells two cases of one operator apart. */
  readonly variant?: string;
  readonly write: (g: GraphBuilder) => Value;
  readonly weights?: Readonly<Record<string, MemoryTensor>>;
  readonly inputs: Readonly<Record<string, Tensor<TensorData>>>;
  readonly expected: Tensor<TensorData>;
}

const x234 = ramp(2, 3, 4);
const x2 = (g: GraphBuilder) => g.input("x", "float32", ["rows", 3, 4]);
const x2Again = (g: GraphBuilder) => g.input("z", "float32", ["rows", 3, 4]);
const states80: Tensor = {
  data: Float32Array.from({ length: 2 * 80 * 4 }, (_, i) => Math.sin(i * i) / 2),
  shape: [2, 80, 4],
};
/** Every third token of the second row is masked out, as are the last ten of both. */
const mask80: Tensor = {
  data: table(2, 80, (row, token) => token >= 70 || (row === 1 && token % 3 === 0) ? -10000 : 0),
  shape: [2, 1, 1, 80],
};
const image = ramp(1, 4, 4, 6);
const picture = (g: GraphBuilder) => g.input("x", "float32", ["rows", 4, "height", "width"]);

const activations: Readonly<Record<Activation, (value: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  quickGelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  gelu: (x) => x * normalCdf(x),
  relu: (x) => Math.max(x, 0),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const arithmetic = {
  add: (a: number, b: number) => a + b,
  subtract: (a: number, b: number) => a - b,
  multiply: (a: number, b: number) => a * b,
  divide: (a: number, b: number) => a / b,
};

/** All cases. */
export const operatorCases: readonly OperatorCase[] = [
  ...Object.entries(activations).map(([kind, f]): OperatorCase => ({
    operator: kind as Activation,
    write: (g) => g.activation("it", kind as Activation, x2(g)),
    inputs: { x: x234 },
    expected: map(x234, f),
  })),
  ...(["add", "subtract", "multiply", "divide"] as const).map((operator): OperatorCase => ({
    operator,
    variant: "broadcast",
    write: (g) => g[operator]("it", x2(g), g.constant(Float32Array.of(1, -2, 3, 4), [4])),
    inputs: { x: x234 },
    expected: map(x234, (value, i) => arithmetic[operator](value, [1, -2, 3, 4][i % 4]!)),
  })),
  {
    operator: "conv2d",
    variant: "3 × 3, stride 2, uneven padding",
    write: (g) => g.conv2d("it", picture(g), 5, { stride: 2, padding: [0, 0, 1, 1] }),
    weights: { "it.weight": weight(5, 4, 3, 3), "it.bias": weight(5) },
    inputs: { x: image },
    expected: convolve(image, { out: 5, kernel: 3, stride: 2, pad: 0, groups: 1, size: [2, 3], bias: true }),
  },
  {
    operator: "conv2d",
    variant: "depthwise",
    write: (g) => g.conv2d("it", picture(g), 4, { groups: 4, bias: false }),
    weights: { "it.weight": weight(4, 1, 3, 3) },
    inputs: { x: image },
    expected: convolve(image, { out: 4, kernel: 3, stride: 1, pad: 1, groups: 4, size: [4, 6], bias: false }),
  },
  {
    operator: "linear",
    write: (g) => g.linear("it", x2(g), 5),
    weights: { "it.weight": weight(5, 4), "it.bias": weight(5) },
    inputs: { x: x234 },
    expected: {
      data: table(6, 5, (row, o) => dot(4, (i) => x234.data[4 * row + i]! * at(4 * o + i)) + at(o)),
      shape: [2, 3, 5],
    },
  },
  {
    operator: "linear",
    variant: "stored as a 1 × 1 convolution",
    write: (g) => g.linear("it", x2(g), 5, { bias: false, stored: [5, 4, 1, 1] }),
    weights: { "it.weight": weight(5, 4, 1, 1) },
    inputs: { x: x234 },
    expected: {
      data: table(6, 5, (row, o) => dot(4, (i) => x234.data[4 * row + i]! * at(4 * o + i))),
      shape: [2, 3, 5],
    },
  },
  {
    operator: "matmul",
    write: (g) => g.matmul("it", x2(g), x2Again(g), { transposed: true }),
    inputs: { x: x234, z: x234 },
    expected: {
      data: table(
        2 * 3,
        3,
        (row, j) => dot(4, (i) => x234.data[4 * row + i]! * x234.data[12 * Math.floor(row / 3) + 4 * j + i]!),
      ),
      shape: [2, 3, 3],
    },
  },
  {
    operator: "groupNorm",
    write: (g) => g.groupNorm("it", picture(g), 2, 1e-5),
    weights: { "it.weight": weight(4), "it.bias": weight(4) },
    inputs: { x: image },
    expected: map(
      normalise(image, 2 * 24),
      (value, i) => value * at(Math.floor(i / 24)) + at(Math.floor(i / 24)),
    ),
  },
  {
    operator: "layerNorm",
    write: (g) => g.layerNorm("it", x2(g), 1e-5),
    weights: { "it.weight": weight(4), "it.bias": weight(4) },
    inputs: { x: x234 },
    expected: map(normalise(x234, 4), (value, i) => value * at(i % 4) + at(i % 4)),
  },
  ...([["softmax", false], ["softmax", true], ["relu", false]] as const).map((
    [activation, causal],
  ): OperatorCase => ({
    operator: "attention",
    variant: `${activation}${causal ? ", causal" : ""}`,
    write: (g) => {
      const [query, states] = [x2(g), x2Again(g)];
      return g.attention("it", query, states, states, { heads: 2, activation, causal });
    },
    inputs: { x: x234, z: x234 },
    expected: attend(x234, activation, causal),
  })),
  // More tokens than any tile or subgroup: a text encoder's 77 are masked so, and one provider was right for 4 only.
  ...[true, false].map((causal): OperatorCase => ({
    operator: "attention",
    variant: causal ? "causal, 80 tokens" : "masked, 80 tokens",
    write: (g) => {
      const states = g.input("x", "float32", ["rows", 80, 4]);
      const options = causal
        ? { heads: 2, causal }
        : { heads: 2, bias: g.input("bias", "float32", ["rows", 1, 1, 80]) };
      return g.attention("it", states, states, states, options);
    },
    inputs: { x: states80, ...!causal && { bias: mask80 } },
    expected: attend(states80, "softmax", causal, causal ? undefined : mask80),
  })),
  {
    operator: "softmax",
    write: (g) => g.softmax("it", x2(g)),
    inputs: { x: x234 },
    expected: softmax(x234, 4),
  },
  {
    operator: "clamp",
    write: (g) => g.clamp("it", x2(g), -0.5, 0.25),
    inputs: { x: x234 },
    expected: map(x234, (value) => Math.min(Math.max(value, -0.5), 0.25)),
  },
  {
    operator: "concat",
    write: (g) => g.concat("it", [x2(g), x2Again(g)], 1),
    inputs: { x: x234, z: x234 },
    expected: {
      data: table(4, 12, (block, i) => x234.data[12 * Math.floor(block / 2) + i]!),
      shape: [2, 6, 4],
    },
  },
  {
    operator: "split",
    write: (g) => g.split("it", x2(g), 2)[1]!,
    inputs: { x: x234 },
    expected: { data: table(6, 2, (row, i) => x234.data[4 * row + 2 + i]!), shape: [2, 3, 2] },
  },
  {
    operator: "slice",
    write: (g) => g.slice("it", x2(g), 1, 1, 3),
    inputs: { x: x234 },
    expected: { data: table(2, 8, (row, i) => x234.data[12 * row + 4 + i]!), shape: [2, 2, 4] },
  },
  {
    operator: "transpose",
    write: (g) => g.transpose("it", x2(g), [0, 2, 1]),
    inputs: { x: x234 },
    expected: {
      data: table(2, 12, (row, i) => x234.data[12 * row + 4 * (i % 3) + Math.floor(i / 3)]!),
      shape: [2, 4, 3],
    },
  },
  {
    operator: "reshape",
    write: (g) => g.reshape("it", x2(g), [0, -1]),
    inputs: { x: x234 },
    expected: { data: x234.data, shape: [2, 12] },
  },
  {
    operator: "reshapeLike",
    write: (g) => g.reshapeLike("it", x2(g), g.input("z", "float32", ["rows", 4, 3])),
    inputs: { x: x234, z: ramp(2, 4, 3) },
    expected: { data: x234.data, shape: [2, 4, 3] },
  },
  {
    operator: "resize",
    write: (g) => g.resize("it", picture(g), 2),
    inputs: { x: image },
    expected: nearest(image, 8, 12),
  },
  {
    operator: "resizeLike",
    variant: "to an odd size",
    write: (g) =>
      g.resizeLike("it", picture(g), g.input("z", "float32", ["rows", 1, "odd_height", "odd_width"])),
    inputs: { x: image, z: ramp(1, 1, 7, 11) },
    expected: nearest(image, 7, 11),
  },
  {
    operator: "spaceToDepth",
    write: (g) => g.spaceToDepth("it", picture(g), 2),
    inputs: { x: image },
    expected: {
      data: table(16, 6, (channel, i) => {
        const [row, column] = [
          2 * Math.floor(i / 3) + Math.floor(channel % 4 / 2),
          2 * (i % 3) + channel % 2,
        ];
        return image.data[24 * Math.floor(channel / 4) + 6 * row + column]!;
      }),
      shape: [1, 16, 2, 3],
    },
  },
  {
    operator: "averagePool",
    write: (g) => g.averagePool("it", picture(g), 2),
    inputs: { x: image },
    expected: {
      data: table(
        4,
        6,
        (channel, i) =>
          dot(
            4,
            (k) =>
              image.data[24 * channel + 6 * (2 * Math.floor(i / 3) + (k >> 1)) + 2 * (i % 3) + k % 2]! / 4,
          ),
      ),
      shape: [1, 4, 2, 3],
    },
  },
  {
    operator: "gather",
    write: (g) => g.gather("it", g.weight("it.weight", [5, 2]), g.input("x", "int64", ["rows", "tokens"])),
    weights: { "it.weight": weight(5, 2) },
    inputs: { x: { data: BigInt64Array.of(4n, 0n, 3n), shape: [1, 3] } },
    expected: { data: Float32Array.of(at(8), at(9), at(0), at(1), at(6), at(7)), shape: [1, 3, 2] },
  },
  {
    operator: "cast",
    write: (g) => g.cast("it", g.input("x", "int32", ["rows"]), "float32"),
    inputs: { x: { data: Int32Array.of(3, -1), shape: [2] } },
    expected: { data: Float32Array.of(3, -1), shape: [2] },
  },
];
