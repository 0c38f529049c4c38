/**
 * Writes a {@linkcode Graph}, one call an operation, and infers shapes on the way. Every method that has weights
 * takes the module's path first: it names the weights (`path.weight`, `path.bias`) and appears in errors.
 *
 * @module
 */
import { compatible, type Dimension, over, plus, times, windowed } from "./dimension.ts";
import type {
  Activation,
  ConstantValue,
  Graph,
  Node,
  Operator,
  Place,
  Value,
  ValueType,
  WeightValue,
} from "./graph.ts";

/** Options of {@linkcode GraphBuilder.conv2d}. */
export interface Conv2dOptions {
  /** Side of the window. @default {3} */
  readonly kernel?: number;
  /** Step of the window. @default {1} */
  readonly stride?: number;
  /** Zeros around the picture: one number, or `[top, left, bottom, right]`. @default {(kernel - 1) / 2} */
  readonly padding?: number | readonly [number, number, number, number];
  /** Groups; as many as channels makes it depthwise. @default {1} */
  readonly groups?: number;
  /** Whether `path.bias` is added. @default {true} */
  readonly bias?: boolean;
  /** The window itself, `[out, channels / groups, k, k]`, in place of `path.weight`. */
  readonly weight?: Value;
}

/** Options of {@linkcode GraphBuilder.linear}. */
export interface LinearOptions {
  /** Whether `path.bias` is added. @default {true} */
  readonly bias?: boolean;
  /** Shape of `path.weight` in the file where it is not `[out, in]`: a 1 × 1 convolution has `[out, in, 1, 1]`. */
  readonly stored?: readonly number[];
}

/** Options of {@linkcode GraphBuilder.attention}. */
export interface AttentionOptions {
  /** Number of heads; the width is split evenly. */
  readonly heads: number;
  /** Added to the scores before the softmax, `[rows, 1, 1 or queries, keys]`. */
  readonly bias?: Value;
  /** Lets a position attend to itself and to earlier ones only. @default {false} */
  readonly causal?: boolean;
  /** What the scores become: probabilities, or their positive part (MobileDiffusion). @default {"softmax"} */
  readonly activation?: "softmax" | "relu";
  /** Divides ReLU scores by the number of keys. @default {false} */
  readonly lengthNorm?: boolean;
}

/** What a node computes, apart from where it stands: an operator with its own attributes. */
type Operation = { [O in Operator]: Pick<Node<O>, "operator" | "attributes"> }[Operator];

/** Builds one graph. */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Value[] = [];
  readonly #weights = new Map<string, WeightValue>();
  readonly #constants: ConstantValue[] = [];
  readonly #nodes: Node[] = [];
  /** Places by the names of the values that stand for them. */
  readonly #places = new Map<string, { readonly name: string; readonly value: Value }>();

  /** Starts an empty graph. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Ends the graph; the keys are the output names. */
  build(outputs: Readonly<Record<string, Value>>): Graph {
    const renamed = new Map(
      Object.entries(outputs).map(([name, value]) => [this.#at(value).name, { ...this.#at(value), name }]),
    );
    const rename = (value: Value): Value => renamed.get(this.#at(value).name) ?? this.#at(value);
    return {
      name: this.#name,
      inputs: this.#inputs,
      outputs: [...renamed.values()],
      weights: [...this.#weights.values()],
      constants: this.#constants,
      nodes: this.#nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((value) => value && rename(value)),
        outputs: node.outputs.map(rename),
      })),
      ...this.#places.size > 0 && { places: this.#placesOf(rename) },
    };
  }

  /**
   * Names a place: what is given back is the value, on its way to where it is used. A pass may add something there, as
   * `graph/passes/residual_ports.ts` does; by itself it computes nothing.
   */
  place(name: string, value: Value): Value {
    const there = { ...value, name: `${value.name}@${name}` };
    this.#places.set(there.name, { name, value });
    return there;
  }

  /** A value that the caller gives. */
  input(name: string, type: ValueType, shape: readonly Dimension[]): Value {
    const value = { name, type, shape };
    this.#inputs.push(value);
    return value;
  }

  /** A tensor of the model's file; `stored` is its shape there, where that differs. */
  weight(key: string, shape: readonly number[], stored: readonly number[] = shape): WeightValue {
    const name = shape === stored ? key : `${key}[${shape}]`;
    const value = this.#weights.get(name) ?? { name, type: "float32", shape, key, stored };
    this.#weights.set(name, value);
    return value;
  }

  /** A constant tensor. */
  constant(data: ConstantValue["data"], shape: readonly number[]): Value {
    const type = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "int64";
    const value: ConstantValue = { name: `constant_${this.#constants.length}`, type, shape, data };
    this.#constants.push(value);
    return value;
  }

  /** A float32 scalar. */
  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), []);
  }

  /** Convolution of `[rows, channels, height, width]` with `path.weight` `[out, channels / groups, k, k]`. */
  conv2d(path: string, x: Value, outChannels: number, options: Conv2dOptions = {}): Value {
    const { kernel = 3, stride = 1, groups = 1, bias = true } = options;
    const padding = options.padding ?? (kernel - 1) / 2;
    const pads = typeof padding === "number" ? [padding, padding, padding, padding] as const : padding;
    const [rows, channels, height, width] = this.#rank(path, x, 4);
    const inChannels = this.#known(path, channels!);
    const shape = [
      rows!,
      outChannels,
      windowed(height!, kernel, stride, pads[0] + pads[2]),
      windowed(width!, kernel, stride, pads[1] + pads[3]),
    ];
    const { weight = this.weight(`${path}.weight`, [outChannels, inChannels / groups, kernel, kernel]) } =
      options;
    const inputs = bias ? [x, weight, this.weight(`${path}.bias`, [outChannels])] : [x, weight];
    return this.#node(
      { operator: "conv2d", attributes: { kernel, stride, groups, pads } },
      path,
      inputs,
      shape,
    );
  }

  /** `x · weightᵀ + bias` along the last dimension, with `path.weight` `[out, in]`. */
  linear(path: string, x: Value, outFeatures: number, { bias = true, stored }: LinearOptions = {}): Value {
    const inFeatures = this.#known(path, x.shape.at(-1)!);
    const weight = this.weight(
      `${path}.weight`,
      [outFeatures, inFeatures],
      stored ?? [outFeatures, inFeatures],
    );
    const inputs = bias ? [x, weight, this.weight(`${path}.bias`, [outFeatures])] : [x, weight];
    return this.#node({ operator: "linear", attributes: {} }, path, inputs, [
      ...x.shape.slice(0, -1),
      outFeatures,
    ]);
  }

  /** Matrix product over the last two dimensions; `transposed` takes the second as `[…, n, k]`. */
  matmul(layer: string, a: Value, b: Value, { transposed = false }: { transposed?: boolean } = {}): Value {
    const [k, n] = transposed ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
    this.#match(layer, a, a.shape.at(-1)!, k);
    const batch = a.shape.length >= b.shape.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
    return this.#node({ operator: "matmul", attributes: { transposed } }, layer, [a, b], [
      ...batch,
      a.shape.at(-2)!,
      n,
    ]);
  }

  /** Group normalisation of `[rows, channels, …]` with `path.weight` and `path.bias` `[channels]`. */
  groupNorm(path: string, x: Value, groups: number, epsilon: number): Value {
    const channels = this.#known(path, x.shape[1]!);
    if (channels % groups !== 0) {
      throw new RangeError(
        `Cannot build ${this.#name}: ${path} has ${channels} channels, not a multiple of ${groups} groups.`,
      );
    }
    const affine = [channels, ...x.shape.slice(2).map(() => 1)];
    const weights = ["weight", "bias"].map((name) => this.weight(`${path}.${name}`, affine, [channels]));
    return this.#node(
      { operator: "groupNorm", attributes: { groups, epsilon } },
      path,
      [x, ...weights],
      x.shape,
    );
  }

  /** Layer normalisation over the last dimension with `path.weight` and `path.bias`. */
  layerNorm(path: string, x: Value, epsilon: number): Value {
    const features = this.#known(path, x.shape.at(-1)!);
    const weights = ["weight", "bias"].map((name) => this.weight(`${path}.${name}`, [features]));
    return this.#node({ operator: "layerNorm", attributes: { epsilon } }, path, [x, ...weights], x.shape);
  }

  /** Multi-head attention of queries `[rows, n, width]` over keys and values `[rows, m, width]`. */
  attention(layer: string, query: Value, key: Value, value: Value, options: AttentionOptions): Value {
    const { heads, bias, causal = false, activation = "softmax", lengthNorm = false } = options;
    const width = this.#known(layer, query.shape.at(-1)!);
    if (width % heads !== 0) {
      throw new RangeError(
        `Cannot build ${this.#name}: ${layer} has width ${width}, not a multiple of ${heads} heads.`,
      );
    }
    this.#match(layer, key, key.shape.at(-1)!, width);
    const attributes = { heads, causal, activation, lengthNorm };
    return this.#node({ operator: "attention", attributes }, layer, [query, key, value, bias], query.shape);
  }

  /** An element-wise non-linearity. */
  activation(layer: string, kind: Activation, x: Value): Value {
    return this.#node({ operator: kind, attributes: {} }, layer, [x], x.shape);
  }

  /** `a + b`, broadcast. */
  add(layer: string, a: Value, b: Value): Value {
    return this.#broadcast("add", layer, a, b);
  }

  /** `a − b`, broadcast. */
  subtract(layer: string, a: Value, b: Value): Value {
    return this.#broadcast("subtract", layer, a, b);
  }

  /** `a · b`, broadcast. */
  multiply(layer: string, a: Value, b: Value): Value {
    return this.#broadcast("multiply", layer, a, b);
  }

  /** `a / b`, broadcast. */
  divide(layer: string, a: Value, b: Value): Value {
    return this.#broadcast("divide", layer, a, b);
  }

  /** Limits every element to `min` … `max`. */
  clamp(layer: string, x: Value, min: number, max: number): Value {
    return this.#node({ operator: "clamp", attributes: { min, max } }, layer, [x], x.shape);
  }

  /** Probabilities along the last dimension. */
  softmax(layer: string, x: Value): Value {
    return this.#node({ operator: "softmax", attributes: {} }, layer, [x], x.shape);
  }

  /** Joins values along a dimension. */
  concat(layer: string, values: readonly Value[], axis: number): Value {
    const [first] = values as readonly [Value];
    for (const value of values) {
      value.shape.forEach((size, i) => i === axis || this.#match(layer, value, size, first.shape[i]!));
    }
    const shape = first.shape.with(axis, values.map(({ shape }) => shape[axis]!).reduce(plus));
    return this.#node({ operator: "concat", attributes: { axis } }, layer, values, shape);
  }

  /** Cuts a value into equal parts along its last dimension. */
  split(layer: string, x: Value, parts: number): Value[] {
    const shape = [...x.shape.slice(0, -1), over(x.shape.at(-1)!, parts)];
    return this.#emit(
      { operator: "split", attributes: {} },
      layer,
      [x],
      Array.from({ length: parts }, () => shape),
    );
  }

  /** Elements `start` to `end` (exclusive) along a dimension. */
  slice(layer: string, x: Value, axis: number, start: number, end: number): Value {
    return this.#node(
      { operator: "slice", attributes: { axis, start, end } },
      layer,
      [x],
      x.shape.with(axis, end - start),
    );
  }

  /** Reorders dimensions. */
  transpose(layer: string, x: Value, order: readonly number[]): Value {
    return this.#node(
      { operator: "transpose", attributes: { order } },
      layer,
      [x],
      order.map((i) => x.shape[i]!),
    );
  }

  /** Sees the elements under another shape: 0 keeps that dimension, one −1 is worked out from the others. */
  reshape(layer: string, x: Value, shape: readonly number[]): Value {
    const kept = shape.map((size, i) => size === 0 ? x.shape[i]! : size);
    const rest = x.shape.filter((_, i) => shape[i] !== 0).reduce(times, 1);
    const known = shape.filter((size) => size > 0).reduce((product, size) => product * size, 1);
    const result = kept.map((size) => size === -1 ? (known === 1 ? rest : over(rest, known)) : size);
    return this.#node({ operator: "reshape", attributes: { shape } }, layer, [x], result);
  }

  /** Sees the elements under the shape of `like`. */
  reshapeLike(layer: string, x: Value, like: Value): Value {
    return this.#node({ operator: "reshapeLike", attributes: {} }, layer, [x, like], like.shape);
  }

  /** Nearest-neighbour resize of `[rows, channels, height, width]` to the height and width of `like`. */
  resizeLike(layer: string, x: Value, like: Value): Value {
    const [rows, channels] = this.#rank(layer, x, 4);
    return this.#node({ operator: "resizeLike", attributes: {} }, layer, [x, like], [
      rows!,
      channels!,
      like.shape[2]!,
      like.shape[3]!,
    ]);
  }

  /** Nearest-neighbour resize of `[rows, channels, height, width]` by a whole factor. */
  resize(layer: string, x: Value, factor: number): Value {
    const [rows, channels, height, width] = this.#rank(layer, x, 4);
    return this.#node({ operator: "resize", attributes: { factor } }, layer, [x], [
      rows!,
      channels!,
      times(height!, factor),
      times(width!, factor),
    ]);
  }

  /** PyTorch's `pixel_unshuffle`: `[rows, c, h, w]` to `[rows, c·f², h / f, w / f]`, channels first within a block. */
  spaceToDepth(layer: string, x: Value, factor: number): Value {
    const [rows, channels, height, width] = this.#rank(layer, x, 4);
    const shape = [rows!, times(channels!, factor * factor), over(height!, factor), over(width!, factor)];
    return this.#node({ operator: "spaceToDepth", attributes: { factor } }, layer, [x], shape);
  }

  /** Mean over windows of `kernel` × `kernel`, without overlap; an odd last row or column counts as a window where `ceil`. */
  averagePool(layer: string, x: Value, kernel: number, { ceil = false }: { ceil?: boolean } = {}): Value {
    const [rows, channels, height, width] = this.#rank(layer, x, 4);
    const [h, w] = [height!, width!].map((size) => over(ceil ? plus(size, kernel - 1) : size, kernel));
    return this.#node({ operator: "averagePool", attributes: { kernel, ceil } }, layer, [x], [
      rows!,
      channels!,
      h!,
      w!,
    ]);
  }

  /** Rows of a table `[entries, width]` chosen by integer indices. */
  gather(layer: string, table: Value, indices: Value): Value {
    return this.#node({ operator: "gather", attributes: {} }, layer, [table, indices], [
      ...indices.shape,
      ...table.shape.slice(1),
    ]);
  }

  /** Converts the element type. */
  cast(layer: string, x: Value, type: ValueType): Value {
    return this.#emit({ operator: "cast", attributes: {} }, layer, [x], [x.shape], type)[0]!;
  }

  /** Writes a node of another graph with operands of this one; they have the shapes that its own had. */
  repeat(node: Node, operands: readonly (Value | undefined)[]): Value[] {
    const { layer, outputs } = node;
    return this.#emit(node, layer, operands, outputs.map(({ shape }) => shape), outputs[0]!.type);
  }

  /** The value that comes by a place. */
  #at(value: Value): Value {
    const place = this.#places.get(value.name);
    return place === undefined ? value : this.#at(place.value);
  }

  #placesOf(rename: (value: Value) => Value): Place[] {
    return [...this.#places].map(([alias, { name, value }]) => {
      const behind = this.#places.get(value.name)?.name;
      const isBehind = (operand: string): boolean => {
        if (operand === alias) return true;
        const place = this.#places.get(operand);
        return place !== undefined && isBehind(place.value.name);
      };
      const uses = this.#nodes.flatMap(({ inputs, outputs }) =>
        inputs.flatMap((operand, index) =>
          operand && isBehind(operand.name) ? [{ node: rename(outputs[0]!).name, index }] : []
        )
      );
      return { name, value: rename(value), uses, ...behind !== undefined && { behind } };
    });
  }

  #node(
    what: Operation,
    layer: string,
    inputs: readonly (Value | undefined)[],
    shape: readonly Dimension[],
  ): Value {
    return this.#emit(what, layer, inputs, [shape])[0]!;
  }

  #emit(
    what: Operation,
    layer: string,
    inputs: readonly (Value | undefined)[],
    shapes: readonly (readonly Dimension[])[],
    type: ValueType = "float32",
  ): Value[] {
    const name = `${layer}/${what.operator}_${this.#nodes.length}`;
    const outputs = shapes.map((shape, i) => ({ name: i === 0 ? name : `${name}.${i}`, type, shape }));
    this.#nodes.push({ ...what, layer, inputs, outputs });
    return outputs;
  }

  #broadcast(operator: "add" | "subtract" | "multiply" | "divide", layer: string, a: Value, b: Value): Value {
    const rank = Math.max(a.shape.length, b.shape.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const [m, n] = [a.shape.at(i - rank) ?? 1, b.shape.at(i - rank) ?? 1];
      if (m !== 1 && n !== 1) this.#match(layer, b, n, m);
      return m === 1 ? n : typeof m === "string" && typeof n === "number" && n !== 1 ? n : m;
    });
    return this.#node({ operator, attributes: {} }, layer, [a, b], shape);
  }

  #rank(layer: string, x: Value, rank: number): readonly Dimension[] {
    if (x.shape.length === rank) return x.shape;
    throw new RangeError(
      `Cannot build ${this.#name}: ${layer} has input [${x.shape}], expected ${rank} dimensions.`,
    );
  }

  #known(layer: string, size: Dimension): number {
    if (typeof size === "number") return size;
    throw new RangeError(
      `Cannot build ${this.#name}: ${layer} needs a fixed width, but its input has "${size}".`,
    );
  }

  #match(layer: string, x: Value, size: Dimension, expected: Dimension): void {
    if (compatible(size, expected)) return;
    throw new RangeError(
      `Cannot build ${this.#name}: ${layer} has input [${x.shape}] with ${size}, expected ${expected}.`,
    );
  }
}
