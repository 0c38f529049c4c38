/**
 * The part of ONNX's protobuf schema that is read and written here (field numbers after `onnx.proto3`).
 *
 * @module
 */
import { PbfReader, PbfWriter } from "pbf";

/** Element types of ONNX tensors, by ONNX's numbers. */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  float8e4m3: 17,
  float8e5m2: 19,
} as const;

/** A tensor: its elements inline, or a range of a file beside the model. */
export interface TensorProto {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly name?: string;
  readonly rawData?: Uint8Array;
  readonly floatData?: readonly number[];
  readonly int32Data?: readonly number[];
  readonly int64Data?: readonly number[];
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
  /** 1: the elements are in `externalData`. */
  readonly dataLocation?: number;
}

/** A parameter of a node; `type` says which field counts (1 float, 2 int, 3 string, 4 tensor, 5 graph, 7 ints). */
export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
}

/** One operation. */
export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType: string;
  readonly domain?: string;
  readonly attribute?: readonly AttributeProto[];
}

/** A size in a shape: a number or a name. */
export interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

/** Name, element type and shape of an input or output. */
export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape?: { readonly dim?: readonly DimensionProto[] };
    };
  };
}

/** A graph. */
export interface GraphProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

/** An operator that a model defines by others. */
export interface FunctionProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
}

/** A model. */
export interface ModelProto {
  readonly irVersion: number;
  readonly opsetImport: readonly { readonly domain?: string; readonly version: number }[];
  readonly producerName?: string;
  readonly graph: GraphProto;
  readonly functions?: readonly FunctionProto[];
}

/** A field: its number, its name here, what it holds (a message by its own schema), and whether there may be many. */
interface Field {
  readonly id: number;
  readonly name: string;
  readonly holds: "int" | "float" | "text" | "bytes" | (() => Message);
  readonly many: boolean;
}

type Message = ReadonlyMap<number, Field>;

function message(
  fields: Readonly<Record<string, readonly [id: number, holds: Field["holds"], many?: "many"]>>,
): Message {
  return new Map(
    Object.entries(fields).map((
      [name, [id, holds, many]],
    ) => [id, { id, name, holds, many: many !== undefined }]),
  );
}

const stringEntry = message({ key: [1, "text"], value: [2, "text"] });
const tensor = message({
  dims: [1, "int", "many"],
  dataType: [2, "int"],
  floatData: [4, "float", "many"],
  int32Data: [5, "int", "many"],
  int64Data: [7, "int", "many"],
  name: [8, "text"],
  rawData: [9, "bytes"],
  externalData: [13, () => stringEntry, "many"],
  dataLocation: [14, "int"],
});
const attribute = message({
  name: [1, "text"],
  f: [2, "float"],
  i: [3, "int"],
  s: [4, "bytes"],
  t: [5, () => tensor],
  g: [6, () => graph],
  floats: [7, "float", "many"],
  ints: [8, "int", "many"],
  type: [20, "int"],
});
const node = message({
  input: [1, "text", "many"],
  output: [2, "text", "many"],
  name: [3, "text"],
  opType: [4, "text"],
  attribute: [5, () => attribute, "many"],
  domain: [7, "text"],
});
const dimension = message({ dimValue: [1, "int"], dimParam: [2, "text"] });
const shape = message({ dim: [1, () => dimension, "many"] });
const tensorType = message({ elemType: [1, "int"], shape: [2, () => shape] });
const type = message({ tensorType: [1, () => tensorType] });
const valueInfo = message({ name: [1, "text"], type: [2, () => type] });
const graph: Message = message({
  node: [1, () => node, "many"],
  name: [2, "text"],
  initializer: [5, () => tensor, "many"],
  input: [11, () => valueInfo, "many"],
  output: [12, () => valueInfo, "many"],
});
const operatorSet = message({ domain: [1, "text"], version: [2, "int"] });
const ownFunction = message({ name: [1, "text"], node: [7, () => node, "many"] });
const model = message({
  irVersion: [1, "int"],
  producerName: [2, "text"],
  graph: [7, () => graph],
  opsetImport: [8, () => operatorSet, "many"],
  functions: [25, () => ownFunction, "many"],
});

/** Deeper than graphs inside nodes ever are. */
const mostNested = 64;

/** Serialises a model. */
export function encodeModel(value: ModelProto): Uint8Array {
  const pbf = new PbfWriter();
  write(model, value as unknown as Values, pbf);
  return pbf.finish();
}

/**
 * Reads a serialised model. Bytes of tensors are views of the given ones.
 *
 * @throws {Error} If the bytes are not a protobuf message of this schema.
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return read(model, new PbfReader(bytes), bytes.length, 0) as unknown as ModelProto;
}

type Values = Readonly<Record<string, unknown>>;

function write(fields: Message, values: Values, pbf: PbfWriter): void {
  for (const { id, name, holds, many } of fields.values()) {
    const value = values[name];
    if (value === undefined) continue;
    for (const item of many ? value as readonly unknown[] : [value]) {
      if (holds === "int") pbf.writeVarintField(id, item as number);
      else if (holds === "float") pbf.writeFloatField(id, item as number);
      else if (holds === "text") pbf.writeStringField(id, item as string);
      else if (holds === "bytes") pbf.writeBytesField(id, item as Uint8Array);
      else pbf.writeMessage(id, (inner: Values, pbf) => write(holds(), inner, pbf), item as Values);
    }
  }
}

function read(fields: Message, pbf: PbfReader, end: number, depth: number): Values {
  if (depth > mostNested) throw new Error(`its messages are nested more than ${mostNested} deep`);
  const values: Record<string, unknown> = {};
  for (const { name, many } of fields.values()) if (many) values[name] = [];
  while (pbf.pos < end) {
    const key = pbf.readVarint();
    const [field, wire] = [fields.get(key >> 3), key & 7];
    if (field === undefined) pbf.skip(key);
    else if (field.many) (values[field.name] as unknown[]).push(...items(field, wire, pbf, end, depth));
    else values[field.name] = items(field, wire, pbf, end, depth)[0];
    if (!(pbf.pos <= end)) throw new Error("a field is longer than its message");
  }
  return values;
}

/** One value, or those of a packed field. */
function items({ name, holds }: Field, wire: number, pbf: PbfReader, end: number, depth: number): unknown[] {
  const number = holds === "int" ? 0 : holds === "float" ? 5 : 2;
  if (wire === 2) {
    const length = pbf.readVarint();
    const stop = pbf.pos + length;
    if (!(stop <= end)) throw new Error(`the field "${name}" is longer than its message`);
    if (typeof holds === "function") return [read(holds(), pbf, stop, depth + 1)];
    if (holds === "text" || holds === "bytes") {
      const bytes = pbf.buf.subarray(pbf.pos, stop);
      pbf.pos = stop;
      return [holds === "bytes" ? bytes : new TextDecoder().decode(bytes)];
    }
    const packed: number[] = [];
    while (pbf.pos < stop) packed.push(holds === "int" ? pbf.readVarint(true) : pbf.readFloat());
    return packed;
  }
  if (wire !== number) throw new Error(`the field "${name}" has the wire type ${wire}, expected ${number}`);
  return [holds === "int" ? pbf.readVarint(true) : pbf.readFloat()];
}
