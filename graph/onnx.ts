/**
 * Writes a {@linkcode Graph} as an ONNX model whose weights stay where they are: every initialiser is external
 * data, a range of a safetensors file or of a buffer.
 *
 * @module
 */
import type { ConstantValue, Graph, Node, Value, WeightValue } from "./graph.ts";
import {
  type AttributeProto,
  encodeModel,
  type NodeProto,
  onnxTypes,
  type TensorProto,
} from "./onnx_proto.ts";
import { lower } from "./_lowering.ts";
import { toFloat16 } from "../weights/convert.ts";

/** Element types that an initialiser may be stored in. */
export type StoredType = "float32" | "float16" | "bfloat16" | "float64" | "int8" | "int32" | "int64";

/** Where an initialiser's elements are. */
export interface Placement {
  /** Name of the external file or buffer, as the runtime is told. */
  readonly location: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /** How the elements are stored; a type other than the computing one is cast in the graph. */
  readonly type: StoredType;
  /** Scales of 8-bit weights, one per element of the first dimension. */
  readonly scale?: Placement;
}

/** What the provider runs well; where it lacks an operator the decomposed form is written. */
export interface OperatorSupport {
  /** `com.microsoft.MultiHeadAttention`. */
  readonly multiHeadAttention: boolean;
  /** `com.microsoft.QuickGelu`, which is SiLU at alpha = 1. */
  readonly quickGelu: boolean;
  /** `com.microsoft.FusedMatMul`, which takes its second operand transposed. */
  readonly fusedMatMul: boolean;
  /**
   * Whether `InstanceNormalization` takes the mean away before it squares, and heeds its epsilon. WebGPU's (ONNX
   * Runtime 1.30) works out E[x²] − E[x]², which loses the digits of groups whose mean is large, and keeps the epsilon
   * of the first node that it compiled.
   */
  readonly preciseInstanceNorm: boolean;
}

/** Options of {@linkcode writeOnnx}. */
export interface WriteOnnxOptions {
  /** Where each weight is. */
  readonly place: (weight: WeightValue) => Placement;
  /** Which operators to use. */
  readonly support: OperatorSupport;
  /**
   * Arithmetic inside; inputs and outputs are float32 either way.
   * @default {"float32"}
   */
  readonly compute?: "float32" | "float16";
}

/** Serialises a graph as an ONNX model (opset 21). */
export function writeOnnx(
  graph: Graph,
  { place, support, compute = "float32" }: WriteOnnxOptions,
): Uint8Array {
  const emitter = new Emitter(support, compute);
  const isNarrow = (value: Value) => compute === "float16" && value.type === "float32";
  const inner = new Map(
    [...graph.inputs, ...graph.outputs].filter(isNarrow).map(({ name }) => [name, `${name}:float16`]),
  );
  const renamed = <T extends Value | undefined>(value: T): T =>
    value && inner.has(value.name) ? { ...value, name: inner.get(value.name) } : value;
  const info = (value: Value) => ({
    name: value.name,
    type: { tensorType: { elemType: onnxTypes[value.type], shape: { dim: value.shape.map(dimension) } } },
  });
  graph.inputs.filter(isNarrow).forEach(({ name }) => emitter.cast(name, inner.get(name)!, "float16"));
  graph.constants.forEach((constant) => emitter.constant(constant));
  graph.weights.forEach((weight) => emitter.weight(weight, place(weight)));
  for (const node of graph.nodes) {
    lower({ ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) }, emitter);
  }
  graph.outputs.filter(isNarrow).forEach(({ name }) => emitter.cast(inner.get(name)!, name, "float32"));
  const model = encodeModel({
    irVersion: 10,
    producerName: "mobile-diffusion",
    opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
    graph: {
      name: graph.name,
      node: emitter.nodes,
      initializer: emitter.initialisers,
      input: graph.inputs.map(info),
      output: graph.outputs.map(info),
    },
  });
  return model;
}

/** Collects ONNX nodes and initialisers. */
export class Emitter {
  readonly nodes: NodeProto[] = [];
  readonly initialisers: TensorProto[] = [];
  readonly support: OperatorSupport;
  /** The type of activations. */
  readonly compute: "float32" | "float16";
  readonly #shared = new Map<string, string>();

  constructor(support: OperatorSupport, compute: "float32" | "float16") {
    this.support = support;
    this.compute = compute;
  }

  /** Adds a node with one output of the given name. */
  node(
    opType: string,
    layer: string,
    input: readonly string[],
    output: string | readonly string[],
    attributes: Readonly<Record<string, number | string | readonly number[]>> = {},
  ): void {
    const domain = microsoftOperators.has(opType) ? "com.microsoft" : "";
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    const outputs = typeof output === "string" ? [output] : output;
    this.nodes.push({
      opType,
      domain,
      name: `/${layer}/${opType}_${this.nodes.length}`,
      input,
      output: outputs,
      attribute,
    });
  }

  /** Adds a node for one step of a decomposed operation and gives its output's name. */
  step(
    opType: string,
    node: Node,
    input: readonly string[],
    attributes: Parameters<Emitter["node"]>[4] = {},
  ): string {
    const output = `${node.outputs[0]!.name}:${opType}_${this.nodes.length}`;
    this.node(opType, node.layer, input, output, attributes);
    return output;
  }

  /** A one-dimensional int64 initialiser, shared by all that ask for the same numbers. */
  int64s(values: readonly number[]): string {
    return this.#share(`int64[${values}]`, () => ({
      dims: [values.length],
      dataType: onnxTypes.int64,
      rawData: bytesOf(BigInt64Array.from(values, BigInt)),
    }));
  }

  /** A floating-point initialiser of the computing type, shared likewise. */
  floats(values: readonly number[], dims: readonly number[] = []): string {
    return this.#share(
      `float[${dims}:${values}]`,
      () => ({ dims, ...this.#floating(Float32Array.from(values)) }),
    );
  }

  /** A one-dimensional float32 initialiser, whatever the computing type. */
  scales(values: readonly number[]): string {
    return this.#share(`float32[${values}]`, () => ({
      dims: [values.length],
      dataType: onnxTypes.float32,
      rawData: bytesOf(Float32Array.from(values)),
    }));
  }

  /** A constant of the graph. */
  constant({ name, type, shape, data }: ConstantValue): void {
    const body = data instanceof Float32Array
      ? this.#floating(data)
      : { dataType: onnxTypes[type], rawData: bytesOf(data) };
    this.initialisers.push({ name, dims: shape, ...body });
  }

  /** A weight: external data, then a cast or a dequantisation where it is not stored in the computing type. */
  weight({ name, key, shape }: WeightValue, placement: Placement): void {
    if (placement.scale !== undefined) {
      this.#external(`${name}:int8`, shape, placement);
      this.#external(`${name}:scale`, [shape[0]!], placement.scale);
      const scale = this.#widened(`${name}:scale`, placement.scale.type);
      this.node("DequantizeLinear", key, [`${name}:int8`, scale], name, { axis: 0 });
    } else if (placement.type === this.compute) {
      this.#external(name, shape, placement);
    } else {
      this.#external(`${name}:stored`, shape, placement);
      this.cast(`${name}:stored`, name, this.compute);
    }
  }

  /** Converts the element type. */
  cast(from: string, to: string, type: keyof typeof onnxTypes): void {
    this.node("Cast", to, [from], to, { to: onnxTypes[type] });
  }

  #widened(name: string, type: StoredType): string {
    if (type === this.compute) return name;
    this.cast(name, `${name}:cast`, this.compute);
    return `${name}:cast`;
  }

  #external(name: string, dims: readonly number[], { location, offset, length, type }: Placement): void {
    const externalData = Object.entries({ location, offset, length }).map(([key, value]) => ({
      key,
      value: `${value}`,
    }));
    this.initialisers.push({ name, dims, dataType: onnxTypes[type], externalData, dataLocation: 1 });
  }

  #floating(data: Float32Array): { dataType: number; rawData: Uint8Array } {
    return this.compute === "float32"
      ? { dataType: onnxTypes.float32, rawData: bytesOf(data) }
      : { dataType: onnxTypes.float16, rawData: bytesOf(toFloat16(data)) };
  }

  #share(key: string, make: () => TensorProto): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    this.initialisers.push({ ...make(), name: key });
    this.#shared.set(key, key);
    return key;
  }
}

const microsoftOperators: ReadonlySet<string> = new Set(["MultiHeadAttention", "QuickGelu", "FusedMatMul"]);

function attributeProto(name: string, value: number | string | readonly number[]): AttributeProto {
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value !== "number") return { name, type: 7, ints: value };
  const float = floatAttributes.has(name);
  return float ? { name, type: 1, f: value } : { name, type: 2, i: value };
}

const floatAttributes: ReadonlySet<string> = new Set(["alpha", "epsilon", "scale", "mask_filter_value"]);

function dimension(size: number | string): { dimValue: number } | { dimParam: string } {
  return typeof size === "number" ? { dimValue: size } : { dimParam: size };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
