/**
 * The header of a safetensors file: JSON that says where each tensor lies. Everything in it is checked before
 * a byte of data is touched, so that a damaged file cannot make a reader allocate more than the file holds.
 */
import { byteSize, isWeightDtype, weightDtypes } from "./dtype.ts";
import type { WeightDtype } from "./weights.ts";

/** The largest header that the format allows, in bytes. */
export const maxHeaderLength = 100_000_000;

/** A tensor as the header describes it. */
export interface HeaderTensor {
  readonly dtype: WeightDtype;
  readonly shape: readonly number[];
  /** First byte, counted from the end of the header. */
  readonly start: number;
  /** Byte after the last. */
  readonly end: number;
}

/** A whole header. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors by name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
}

/** Why a header is refused; the caller knows of which file. */
export class HeaderProblem extends Error {}

/** Reads a header and checks it against the number of bytes that follow it. */
export function parseHeader(bytes: Uint8Array, dataLength: number): Header {
  const { __metadata__: metadata = {}, ...described } = parseJson(bytes);
  const tensors = Object.entries(described).map(([name, value]) => [name, parseTensor(name, value)] as const);
  tensors.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let end = 0;
  for (const [name, tensor] of tensors) {
    if (tensor.start !== end) {
      const kind = tensor.start < end ? "overlaps the tensor before it" : "leaves a hole before it";
      throw new HeaderProblem(`tensor "${name}" ${kind}: it starts at byte ${tensor.start}, expected ${end}`);
    }
    end = tensor.end;
  }
  if (end !== dataLength) {
    const kind = end > dataLength ? "the file is cut short" : "the file has bytes that belong to no tensor";
    throw new HeaderProblem(`${kind}: the tensors take ${end} bytes, the file has ${dataLength} for them`);
  }
  return { metadata: parseMetadata(metadata), tensors: new Map(tensors) };
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw new HeaderProblem("the header is not JSON", { cause });
  }
  if (!isRecord(header)) throw new HeaderProblem("the header is not a JSON object");
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw new HeaderProblem(`the header has the key "${repeated}" twice`);
  return header;
}

/** The first key that stands twice in one object of valid JSON; `JSON.parse` would drop the first value. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = []; // the keys of each object around the current position
  for (let i = 0; i < json.length; i++) {
    if (json[i] === "{") open.push(new Set());
    if (json[i] === "}") open.pop();
    if (json[i] !== '"') continue;
    const start = i++;
    while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
    let next = i + 1;
    while (json[next]?.trim() === "") next++;
    if (json[next] !== ":") continue;
    const key: string = JSON.parse(json.slice(start, i + 1));
    const keys = open.at(-1)!;
    if (keys.has(key)) return key;
    keys.add(key);
  }
}

function parseTensor(name: string, value: unknown): HeaderTensor {
  if (!isRecord(value)) throw new HeaderProblem(`tensor "${name}" is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isWeightDtype(dtype)) {
    const known = weightDtypes.join(", ");
    throw new HeaderProblem(
      `tensor "${name}" has the dtype ${JSON.stringify(dtype)}, expected one of ${known}`,
    );
  }
  if (!isSizes(shape)) throw new HeaderProblem(`tensor "${name}" has no shape of whole numbers`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new HeaderProblem(`tensor "${name}" has no pair of ascending data_offsets`);
  }
  const [start, end] = offsets as [number, number];
  const size = byteSize(dtype, shape);
  if (size !== end - start) {
    const wanted = size === undefined ? "more bytes than a file can hold" : `${size} bytes`;
    throw new HeaderProblem(`tensor "${name}", ${dtype} [${shape}], takes ${wanted}, but has ${end - start}`);
  }
  return { dtype, shape, start, end };
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === "string")) {
    throw new HeaderProblem("__metadata__ is not an object of strings");
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
