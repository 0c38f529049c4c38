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

/** The fixed parameters of each operation; what they mean stands at the method of that name in {@linkcode GraphBuilder}. */
export interface Attributes extends Readonly<Record<PlainOperator, Readonly<Record<string, never>>>> {
  /** Window, and zeros around the picture as `[top, left, bottom, right]`. */
  readonly conv2d: {
    readonly kernel: number;
    readonly stride: number;
    readonly groups: number;
    readonly pads: readonly [number, number, number, number];
  };
  /** Whether the second operand is `[…, n, k]`. */
  readonly matmul: { readonly transposed: boolean };
  /** Groups of channels, and what is added to the variance. */
  readonly groupNorm: { readonly groups: number; readonly epsilon: number };
  /** What is added to the variance. */
  readonly layerNorm: { readonly epsilon: number };
  /** Heads, and what the scores become. */
  readonly attention: {
    readonly heads: number;
    readonly causal: boolean;
    readonly activation: "softmax" | "relu";
    readonly lengthNorm: boolean;
  };
  /** Limits, both included. */
  readonly clamp: { readonly min: number; readonly max: number };
  /** Dimension, counted from the outermost. */
  readonly concat: { readonly axis: number };
  /** Dimension, first element, and the one behind the last. */
  readonly slice: { readonly axis: number; readonly start: number; readonly end: number };
  /** For each dimension of the result, which one of the operand it is. */
  readonly transpose: { readonly order: readonly number[] };
  /** Sizes; 0 keeps the operand's, one −1 is worked out. */
  readonly reshape: { readonly shape: readonly number[] };
  /** How many times as high and wide. */
  readonly resize: { readonly factor: number };
  /** Side of a block. */
  readonly spaceToDepth: { readonly factor: number };
  /** Side of the window, and whether an odd last row or column is a window too. */
  readonly averagePool: { readonly kernel: number; readonly ceil: boolean };
}

/** Operations without parameters. */
export type PlainOperator =
  | "linear"
  | Activation
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "softmax"
  | "split"
  | "reshapeLike"
  | "resizeLike"
  | "gather"
  | "cast";

/** All operations. */
export type Operator = keyof Attributes;

/**
 * One operation: a union by `operator`, which tells what `attributes` are. What each one means and takes is the method
 * of that name in {@linkcode GraphBuilder}.
 *
 * @typeParam O Which operations it may be.
 */
export type Node<O extends Operator = Operator> = {
  [P in O]: {
    /** What it computes. */
    readonly operator: P;
    /** Its operands; an optional one may be absent. */
    readonly inputs: readonly (Value | undefined)[];
    /** Its results. */
    readonly outputs: readonly Value[];
    /** Its fixed parameters. */
    readonly attributes: Attributes[P];
    /** The module that it belongs to, in the names of the weights: `down_blocks.0.resnets.0.conv1`. */
    readonly layer: string;
  };
}[O];

/** Element-wise non-linearities: `silu` is x·sigmoid(x), `quickGelu` x·sigmoid(1.702·x), `gelu` the exact one. */
export type Activation = "silu" | "gelu" | "quickGelu" | "relu" | "sigmoid" | "tanh";

/** Where something may be added to a value, on its way to some of its uses; see {@linkcode GraphBuilder.place}. */
export interface Place {
  /** As `skip.0`. */
  readonly name: string;
  /** What is there. */
  readonly value: Value;
  /** The place that comes before it on the same way. */
  readonly behind?: string;
  /** Operands that come by: a node, named by its first result, and which of its inputs. */
  readonly uses: readonly { readonly node: string; readonly index: number }[];
}

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
  /** Where something may be added, as a control's residuals. */
  readonly places?: readonly Place[];
}
