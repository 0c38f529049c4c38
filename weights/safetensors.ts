/**
 * The safetensors format: named tensors in one file, described by a JSON header.
 *
 * ```
 * 8 bytes   length N of the header, little-endian
 * N bytes   {"NAME": {"dtype": "F16", "shape": [320, 4], "data_offsets": [START, END]}, …, "__metadata__": {…}}
 * the rest  the tensors, back to back, row-major, little-endian
 * ```
 *
 * Only the header is read when a file is opened; a tensor's bytes are read when asked for.
 *
 * @see {@link https://github.com/huggingface/safetensors#format}
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { missingTensor } from "./_missing.ts";
import { refusePickle } from "./_pickle.ts";
import { HeaderProblem, maxHeaderLength, parseHeader } from "./_safetensors_header.ts";
import type { Header } from "./_safetensors_header.ts";
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
 * Opens a safetensors file and checks its header. Tensors are named in the order of their data. Disposing the
 * result closes the file.
 *
 * @param source A path, a `Blob` or `File`, the file's bytes, or a source of your own.
 * @throws {WeightsError} If the file is damaged, has an unknown element type, or is a pickle.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, memoryWeights, openSafetensors } from "@mobile-diffusion/sdk/weights";
 *
 * const bytes = await encodeSafetensors(memoryWeights({
 *   "conv_in.bias": { dtype: "F32", shape: [4], data: new Float32Array(4) },
 * }));
 * await using file = await openSafetensors(bytes);
 * console.log(file.info("conv_in.bias")); // { dtype: "F32", shape: [ 4 ], byteLength: 16 }
 * ```
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  if (typeof source === "string") refusePickle(source);
  const bytes = await openRandomAccess(source);
  try {
    return over(bytes, await readHeader(bytes));
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
