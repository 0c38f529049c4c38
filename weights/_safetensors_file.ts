/** A safetensors file as it is: every tensor in it by its own name. */
import { WeightsError } from "../core/errors.ts";
import { missingTensor } from "./_missing.ts";
import { refusePickle } from "./_pickle.ts";
import { type Header, HeaderProblem, maxHeaderLength, parseHeader } from "./_safetensors_header.ts";
import { type ByteSource, openRandomAccess, type RandomAccess } from "./random_access.ts";
import type { Weights } from "./weights.ts";

/** The tensors of one file, and what its header says besides. */
export interface SafetensorsFile extends Weights {
  /** The header's `__metadata__`; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes of the number that says how long the header is. */
const prefixLength = 8;

/**
 * Opens a file and makes something of it; where that fails, closes it and says which file it is.
 *
 * @throws {WeightsError} If the file is damaged, or `make` finds a problem in it.
 */
export async function openFile<T>(
  source: ByteSource,
  make: (file: SafetensorsFile) => T | Promise<T>,
): Promise<T> {
  if (typeof source === "string") refusePickle(source);
  const bytes = await openRandomAccess(source);
  try {
    return await make(over(bytes, await readHeader(bytes)));
  } catch (error) {
    await bytes[Symbol.asyncDispose]();
    if (!(error instanceof HeaderProblem)) throw error;
    const label = bytes.path === undefined ? "safetensors" : `"${bytes.path}"`;
    throw new WeightsError(`Cannot open ${label}: ${error.message}.`, { cause: error.cause });
  }
}

interface PlacedHeader extends Header {
  /** The file's first byte of data. */
  readonly dataStart: number;
}

async function readHeader(bytes: RandomAccess): Promise<PlacedHeader> {
  if (bytes.size < prefixLength) {
    throw new HeaderProblem(`it has ${bytes.size} bytes, expected ${prefixLength} or more`);
  }
  const prefix = await bytes.read(0, prefixLength);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  const room = Math.min(bytes.size - prefixLength, maxHeaderLength);
  if (length > room) {
    throw new HeaderProblem(`it says that its header has ${length} bytes, expected at most ${room}`);
  }
  const dataStart = prefixLength + Number(length);
  return {
    dataStart,
    ...parseHeader(await bytes.read(prefixLength, Number(length)), bytes.size - dataStart),
  };
}

function over(bytes: RandomAccess, { metadata, tensors, dataStart }: PlacedHeader): SafetensorsFile {
  const { path } = bytes;
  return {
    metadata,
    names: () => tensors.keys(),
    info(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) return undefined;
      const { dtype, shape, start, end } = tensor;
      const length = end - start;
      const info = { dtype, shape, byteLength: length };
      return path === undefined ? info : { ...info, file: { path, offset: dataStart + start, length } };
    },
    async read(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw missingTensor(name, path);
      return await bytes.read(dataStart + tensor.start, tensor.end - tensor.start);
    },
    [Symbol.asyncDispose]: () => bytes[Symbol.asyncDispose](),
  };
}
