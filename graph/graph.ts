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
  readonly type: ValueType;
  readonly shape: readonly Dimension[];
}

/** A weight: a tensor of the model's file, perhaps seen under another shape with as many elements. */
export interface WeightValue extends Value {
  /** Its name in the {@linkcode Weights}. */
  readonly key: string;
  /** Its shape in the file. */
  readonly stored: readonly number[];
}

/** A small constant that is part of the program. */
export interface ConstantValue extends Value {
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** An attribute of a node. */
export type Attribute = number | string | boolean | readonly number[];

/** One operation. What each one means and takes is the method of the same name in {@linkcode GraphBuilder}. */
export interface Node {
  readonly operator: Operator;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The module it belongs to, in the names of the weights, as `down_blocks.0.resnets.0`. */
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
  | "silu"
  | "gelu"
  | "quickGelu"
  | "relu"
  | "sigmoid"
  | "tanh"
  | "sin"
  | "cos"
  | "exp"
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "clamp"
  | "softmax"
  | "concat"
  | "slice"
  | "transpose"
  | "reshape"
  | "reshapeLike"
  | "upsampleLike"
  | "upsample"
  | "pixelUnshuffle"
  | "averagePool"
  | "gather"
  | "cast";

/** A program. Nodes are in an order in which they can run. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly weights: readonly WeightValue[];
  readonly constants: readonly ConstantValue[];
  readonly nodes: readonly Node[];
}
