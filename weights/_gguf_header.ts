/**
 * What stands before the data of a GGUF file: typed keys, and where each tensor lies. No number in it is believed before
 * it fits into the file, so that a damaged file cannot make a reader allocate more than the file holds.
 */
import { type GgufType, ggufTypes, removedTypes, unreadTypes } from "./_gguf_types.ts";
import { HeaderProblem } from "./_safetensors_header.ts";
import type { RandomAccess } from "./random_access.ts";

/** The type of a key's value. */
export type GgufValueType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "bool"
  | "string"
  | "uint64"
  | "int64"
  | "float64";

/** The types of keys' values, at ggml's numbers. */
const valueTypes: readonly (GgufValueType | "array")[] = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
];

/** A key's value; integers of 64 bits are bigints. */
export interface GgufValue {
  /** Its type; of an array that of the elements. */
  readonly type: GgufValueType;
  /** The value, or the elements. */
  readonly value: GgufScalar | readonly GgufScalar[];
}

/** One value. */
export type GgufScalar = number | bigint | boolean | string;

/** A tensor as the header describes it. */
export interface GgufTensor {
  readonly type: GgufType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A whole header. */
export interface GgufHeader {
  readonly values: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The first four bytes. */
export const ggufMagic = "GGUF";

/** Where the true shape of a reshaped tensor stands. */
const originalShape = "comfy.gguf.orig_shape.";
const alignmentKey = "general.alignment";

/** Reads and checks a header. */
export async function readGgufHeader(file: RandomAccess): Promise<GgufHeader> {
  const cursor = new Cursor(file);
  await readMagic(cursor);
  const tensorCount = await cursor.u64("the header");
  const valueCount = await cursor.u64("the header");
  cursor.fits(valueCount, 13, "key/value pairs");
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = await cursor.string("a key");
    if (values.has(key)) throw new HeaderProblem(`the key ${quoted(key)} occurs twice`);
    values.set(key, await readValue(cursor, key));
  }
  cursor.fits(tensorCount, 24, "tensors");
  const described = new Map<string, Described>();
  for (let i = 0; i < tensorCount; i++) {
    const name = await cursor.string("a tensor's name");
    if (name === "") throw new HeaderProblem("a tensor has an empty name");
    if (described.has(name)) throw new HeaderProblem(`tensor ${quoted(name)} occurs twice`);
    described.set(name, await readTensor(cursor, name));
  }
  const alignment = alignmentOf(values);
  const start = Math.ceil(cursor.position / alignment) * alignment;
  if (described.size > 0 && start > file.size) {
    throw new HeaderProblem(`${alignmentKey} is ${alignment}: the data would begin beyond the file`);
  }
  const place = (name: string, tensor: Described) =>
    placed(name, tensor, { alignment, start, size: file.size });
  const tensors = new Map([...described].map(([name, tensor]) => [name, place(name, tensor)]));
  return { values, tensors: reshaped(tensors, values) };
}

async function readMagic(cursor: Cursor): Promise<void> {
  if (cursor.size === 0) throw new HeaderProblem("the file is empty");
  const magic = String.fromCharCode(...await cursor.bytes(4, "the magic"));
  if (magic !== ggufMagic) {
    const older = ["GGML", "GGMF", "GGJT", "lmgg"].includes(magic) ? ", an older format" : "";
    throw new HeaderProblem(`it is not a GGUF file (it begins with ${quoted(magic)}${older})`);
  }
  const version = await cursor.u32("the header");
  if (version === 2 || version === 3) return;
  if (version !== 0 && version % 2 ** 16 === 0) {
    throw new HeaderProblem(
      `it is a big-endian GGUF file (its version reads ${version}), expected a little-endian one`,
    );
  }
  throw new HeaderProblem(`its GGUF version is ${version}, expected 2 or 3`);
}

/** A tensor before its place is known. */
interface Described {
  readonly type: GgufType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly offset: bigint;
}

async function readTensor(cursor: Cursor, name: string): Promise<Described> {
  const fail = (problem: string) => new HeaderProblem(`tensor ${quoted(name)} ${problem}`);
  const count = await cursor.u32("the tensor list");
  if (count > 4) throw fail(`has ${count} dimensions, expected 4 at most`);
  const sizes: number[] = [];
  let elements = 1;
  for (let i = 0; i < count; i++) {
    const size = await cursor.u64("the tensor list");
    elements *= size;
    if (size === 0) throw fail("has a dimension of 0");
    if (!Number.isSafeInteger(elements)) {
      throw fail(`has [${[size, ...sizes]}] values, more than a file can hold`);
    }
    sizes.unshift(size);
  }
  const id = await cursor.u32("the tensor list");
  const offset = await cursor.bigint("the tensor list");
  const type = ggufTypes.get(id);
  if (type === undefined) {
    const [removed, unread] = [removedTypes.get(id), unreadTypes.get(id)];
    if (removed !== undefined) {
      throw fail(`has the type ${id} (${removed}), which was removed from the format`);
    }
    throw fail(
      unread === undefined ? `has the unknown type ${id}` : `has the type ${unread}, which is not supported`,
    );
  }
  const row = sizes.at(-1) ?? 1;
  if (row % type.block !== 0) {
    throw fail(`has rows of ${row} values, no multiple of ${type.name}'s block of ${type.block}`);
  }
  return { type, shape: sizes, elements, offset };
}

function placed(
  name: string,
  { type, shape, elements, offset }: Described,
  { alignment, start, size }: { readonly alignment: number; readonly start: number; readonly size: number },
): GgufTensor {
  const fail = (problem: string) => new HeaderProblem(`tensor ${quoted(name)} ${problem}`);
  const byteLength = elements / type.block * type.bytes;
  if (offset % BigInt(alignment) !== 0n) {
    throw fail(`has the offset ${offset}, no multiple of the alignment ${alignment}`);
  }
  const end = BigInt(start) + offset + BigInt(byteLength);
  if (end > BigInt(size)) {
    throw fail(
      `ends beyond the file: it takes ${byteLength} bytes from offset ${offset} of the data on, and ${
        end - BigInt(size)
      } of them are missing`,
    );
  }
  return { type, shape, offset: start + Number(offset), byteLength };
}

function alignmentOf(values: ReadonlyMap<string, GgufValue>): number {
  const value = values.get(alignmentKey);
  if (value === undefined) return 32;
  if (value.type !== "uint32" || typeof value.value !== "number") {
    throw new HeaderProblem(`${alignmentKey} is not of type uint32`);
  }
  if (value.value === 0 || !Number.isInteger(Math.log2(value.value))) {
    throw new HeaderProblem(`${alignmentKey} is ${value.value}, no power of two`);
  }
  return value.value;
}

/** Tensors under the shapes that ComfyUI's files say they had before their rows were made to fit blocks. */
function reshaped(
  tensors: ReadonlyMap<string, GgufTensor>,
  values: ReadonlyMap<string, GgufValue>,
): ReadonlyMap<string, GgufTensor> {
  const all = new Map(tensors);
  for (const [key, { type, value }] of values) {
    const name = key.startsWith(originalShape) ? key.slice(originalShape.length) : undefined;
    const tensor = name === undefined ? undefined : tensors.get(name);
    if (tensor === undefined) continue;
    const fail = (problem: string) =>
      new HeaderProblem(`tensor ${quoted(name!)}: its ${originalShape}* ${problem}`);
    if (type !== "int32" || !Array.isArray(value)) throw fail("is not an array of int32");
    const shape = value as readonly number[];
    const elements = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
    if (shape.some((size) => size < 0)) throw fail(`has a negative dimension: [${shape}]`);
    if (shape.length > 8 || elements(shape) !== elements(tensor.shape)) {
      throw fail(`says ${elements(shape)} values, the tensor has ${elements(tensor.shape)}`);
    }
    all.set(name!, { ...tensor, shape });
  }
  return all;
}

async function readValue(cursor: Cursor, key: string): Promise<GgufValue> {
  const place = `key ${quoted(key)}`;
  const type = typeOf(place, await cursor.u32(place));
  if (type !== "array") return { type, value: await readScalar(cursor, type, place) };
  const element = typeOf(place, await cursor.u32(place));
  if (element === "array") {
    throw new HeaderProblem(`${place} has arrays inside an array, which are not supported`);
  }
  const count = await cursor.u64(place);
  cursor.fits(count, element === "string" ? 8 : sizes[element], `${element} values of ${place}`);
  const value: GgufScalar[] = [];
  for (let i = 0; i < count; i++) value.push(await readScalar(cursor, element, place));
  return { type: element, value };
}

function typeOf(place: string, id: number): GgufValueType | "array" {
  const type = valueTypes[id];
  if (type === undefined) throw new HeaderProblem(`${place} has the unknown value type ${id}`);
  return type;
}

const sizes = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
} as const;

async function readScalar(
  cursor: Cursor,
  type: GgufValueType,
  place: string,
): Promise<GgufScalar> {
  if (type === "string") return await cursor.string(place);
  const { buffer, byteOffset } = await cursor.bytes(sizes[type], place);
  const view = new DataView(buffer, byteOffset, sizes[type]);
  switch (type) {
    case "uint8":
      return view.getUint8(0);
    case "int8":
      return view.getInt8(0);
    case "uint16":
      return view.getUint16(0, true);
    case "int16":
      return view.getInt16(0, true);
    case "uint32":
      return view.getUint32(0, true);
    case "int32":
      return view.getInt32(0, true);
    case "float32":
      return view.getFloat32(0, true);
    case "uint64":
      return view.getBigUint64(0, true);
    case "int64":
      return view.getBigInt64(0, true);
    case "float64":
      return view.getFloat64(0, true);
    case "bool": {
      const value = view.getUint8(0);
      if (value > 1) throw new HeaderProblem(`${place} has the bool ${value}, expected 0 or 1`);
      return value === 1;
    }
  }
}

/** Reads a file from its beginning, a piece at a time. */
class Cursor {
  /** The next byte. */
  position = 0;
  readonly size: number;
  readonly #file: RandomAccess;
  #start = 0;
  #piece: Uint8Array<ArrayBuffer> = new Uint8Array();

  constructor(file: RandomAccess) {
    this.#file = file;
    this.size = file.size;
  }

  /** Refuses a count of things of at least so many bytes each that cannot be in the rest of the file. */
  fits(count: number, least: number, what: string): void {
    const room = this.size - this.position;
    if (count * least > room) {
      throw new HeaderProblem(`it says that it has ${count} ${what}, and ${room} bytes are left for them`);
    }
  }

  /** The next bytes; not to be kept or changed. `place` is where they stand, for the error. */
  async bytes(length: number, place: string): Promise<Uint8Array<ArrayBuffer>> {
    const { position } = this;
    if (length > this.size - position) {
      throw new HeaderProblem(
        `${place} goes beyond the file: ${length} bytes from ${position} on, of ${this.size}`,
      );
    }
    if (position + length > this.#start + this.#piece.length) {
      this.#start = position;
      this.#piece = await this.#file.read(position, Math.min(Math.max(length, piece), this.size - position));
    }
    this.position += length;
    return this.#piece.subarray(position - this.#start, position - this.#start + length);
  }

  async u32(place: string): Promise<number> {
    const { buffer, byteOffset } = await this.bytes(4, place);
    return new DataView(buffer, byteOffset).getUint32(0, true);
  }

  async bigint(place: string): Promise<bigint> {
    const { buffer, byteOffset } = await this.bytes(8, place);
    return new DataView(buffer, byteOffset).getBigUint64(0, true);
  }

  /** A count or size; beyond 2⁵³ it loses digits, but no file is so long. */
  async u64(place: string): Promise<number> {
    return Number(await this.bigint(place));
  }

  async string(place: string): Promise<string> {
    const length = await this.u64(place);
    const bytes = await this.bytes(length, place);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new HeaderProblem(`${place} is not UTF-8`, { cause });
    }
  }
}

/** Bytes that are read at once. */
const piece = 2 ** 16;

/** A name from a file, cut where it is too long for a message. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
