/**
 * A small tensor program: what a network computes, as data. `models/` writes it through
 * {@linkcode GraphBuilder}; `graph/onnx.ts` turns it into an ONNX model; `graph/cost.ts` counts it.
 *
 * @module
 */
import type { Dimension } from "./dimension.ts";

/** Element types inside a program. */
export type ValueType = "float32" | "int32" | "int64" | "bool";

/** A typed value: an input, a weight, a constant, or the result of a node. */
export interface Value {
  /** Unique in its graph. */
  readonly name: string;
  /** Element type. */
  readonly type: ValueType;
  /** Sizes, outermost first. */
  readonly shape: readonly Dimension[];
}

/** A weight: a tensor of the model's file, perhaps seen under another shape with as many elements. */
export interface WeightValue extends Value {
  /** The shape it is used under. */
  readonly shape: readonly number[];
  /** Its name in the {@linkcode Weights}. */
  readonly key: string;
  /** Its shape in the file. */
  readonly stored: readonly number[];
}

/** A small constant that is part of the program. */
export interface ConstantValue extends Value {
  /** The shape of `data`. */
  readonly shape: readonly number[];
  /** The elements, row-major. */
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** An attribute of a node. */
export type Attribute = number | string | boolean | readonly number[];

/** One operation. What each one means and takes is the method of that name in {@linkcode GraphBuilder}. */
export interface Node {
  /** What it computes. */
  readonly operator: Operator;
  /** Its operands; an optional one may be absent. */
  readonly inputs: readonly (Value | undefined)[];
  /** Its results. */
  readonly outputs: readonly Value[];
  /** Its fixed parameters. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The module that it belongs to, in the names of the weights: `down_blocks.0.resnets.0.conv1`. */
  readonly layer: string;
}

/** All operations. */
export type Operator =
  | "conv2d"
  | "linear"
  | "matmul"
  | "groupNorm"
  | "layerNorm"
  | "attention"
  | Activation
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "clamp"
  | "softmax"
  | "concat"
  | "split"
  | "slice"
  | "transpose"
  | "reshape"
  | "reshapeLike"
  | "resizeLike"
  | "resize"
  | "spaceToDepth"
  | "averagePool"
  | "gather"
  | "cast";

/** Element-wise non-linearities: `silu` is x·sigmoid(x), `quickGelu` x·sigmoid(1.702·x), `gelu` the exact one. */
export type Activation = "silu" | "gelu" | "quickGelu" | "relu" | "sigmoid" | "tanh";

/** A program. Nodes are in an order in which they can run. */
export interface Graph {
  /** What it is, as `unet`. */
  readonly name: string;
  /** Values that the caller gives. */
  readonly inputs: readonly Value[];
  /** Values that the caller gets; their names are the output names. */
  readonly outputs: readonly Value[];
  /** Values that come from the model's file. */
  readonly weights: readonly WeightValue[];
  /** Values that are part of the program. */
  readonly constants: readonly ConstantValue[];
  /** The operations. */
  readonly nodes: readonly Node[];
}
