/**
 * Weights under other names: a file in an older or a foreign layout, seen as the networks expect it.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { sizeOf } from "../core/tensor.ts";
import { missingTensor } from "./_missing.ts";
import { elementSize } from "./dtype.ts";
import { readFloat32 } from "./read_float.ts";
import type { WeightDtype, WeightInfo, WeightPart, Weights } from "./weights.ts";

/**
 * Another way to see a tensor:
 * - `matrix`: without trailing dimensions of 1, as a 1 × 1 convolution `[out, in, 1, 1]` is a linear layer;
 * - `transposed`: a matrix with its two dimensions exchanged;
 * - `part` (from 0) `of` so many equal parts along the first dimension, as a fused projection is three.
 */
export type TensorView = "matrix" | "transposed" | { readonly part: number; readonly of: number };

/** Where a renamed tensor comes from. */
export interface TensorSource {
  /** Its name in the original weights. */
  readonly name: string;
  /** How it is seen; as it is when absent. */
  readonly as?: TensorView;
}

/**
 * A view of weights under other names. Tensors that the map does not name are not in the view; nor are those
 * whose source does not exist, so that one map serves all variants of a layout. A renamed tensor keeps its
 * place on disk, unless it is transposed; an encoded one keeps its encoding, unless it is transposed, when it is float32.
 * Disposing the view disposes `weights`.
 *
 * @param map The source by the new name: a name, or a name and a way to see the tensor.
 * @throws {WeightsError} If a tensor cannot be seen in the way that the map asks for.
 *
 * @example
 * ```ts
 * import { memoryWeights, renameWeights } from "@mobile-diffusion/sdk/weights";
 *
 * const fused = memoryWeights({ in_proj: { dtype: "F32", shape: [6, 2], data: new Float32Array(12) } });
 * const split = renameWeights(fused, new Map([["k_proj", { name: "in_proj", as: { part: 1, of: 3 } }]]));
 * console.log(split.info("k_proj")); // { dtype: "F32", shape: [ 2, 2 ], byteLength: 16 }
 * ```
 */
export function renameWeights(weights: Weights, map: ReadonlyMap<string, string | TensorSource>): Weights {
  const tensors = new Map<string, { readonly source: TensorSource; readonly info: WeightInfo }>();
  for (const [name, from] of map) {
    const source = typeof from === "string" ? { name: from } : from;
    const info = weights.info(source.name);
    if (info !== undefined) tensors.set(name, { source, info: describe(info, source) });
  }
  return {
    names: () => tensors.keys(),
    info: (name) => tensors.get(name)?.info,
    async read(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw missingTensor(name);
      const { source, info } = tensor;
      if (source.as === "transposed" && weights.info(source.name)!.encoding !== undefined) {
        return transpose(new Uint8Array((await readFloat32(weights, source.name)).buffer), "F32", info.shape);
      }
      const bytes = await weights.read(source.name);
      if (source.as === "transposed") return transpose(bytes, info.dtype, info.shape);
      return typeof source.as === "object" ? sliceOf(bytes, source.as) : bytes;
    },
    [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose](),
  };
}

function describe(info: WeightInfo, { name, as }: TensorSource): WeightInfo {
  const { dtype, shape, byteLength, encoding } = info;
  if (as === undefined) return info;
  if (as === "matrix") {
    const end = shape.findLastIndex((dimension) => dimension !== 1) + 1;
    return { ...info, shape: shape.slice(0, Math.max(end, 2)) };
  }
  if (as === "transposed") {
    if (shape.length !== 2) throw mismatch(name, shape, "a matrix");
    const reversed = shape.toReversed();
    return encoding === undefined
      ? { dtype, shape: reversed, byteLength }
      : { dtype: "F32", shape: reversed, byteLength: 4 * shape[0]! * shape[1]! };
  }
  const [rows = 0, ...rest] = shape;
  if (rows % as.of !== 0) throw mismatch(name, shape, `${as.of} equal parts`);
  if (encoding !== undefined && "block" in encoding && sizeOf(shape) / as.of % encoding.block !== 0) {
    throw mismatch(name, shape, `${as.of} parts of whole blocks of ${encoding.block}`);
  }
  const part = { ...rowsOf(info, as), shape: [rows / as.of, ...rest] };
  if (encoding?.kind !== "scaled" || encoding.axis === undefined) return part;
  const { scale } = encoding;
  const read = async () => sliceOf(await scale.read(), as);
  const scales: WeightPart = { ...scale, ...rowsOf(scale, as), shape: [rows / as.of], read };
  return { ...part, encoding: { ...encoding, scale: scales } };
}

/** Size and place of one of several equal parts. */
function rowsOf<T extends Pick<WeightInfo, "byteLength" | "file">>(
  info: T,
  { part, of }: { readonly part: number; readonly of: number },
): T {
  const length = info.byteLength / of;
  const { file } = info;
  return {
    ...info,
    byteLength: length,
    ...file !== undefined && { file: { ...file, offset: file.offset + part * length, length } },
  };
}

function sliceOf(
  bytes: Uint8Array<ArrayBuffer>,
  { part, of }: { readonly part: number; readonly of: number },
): Uint8Array<ArrayBuffer> {
  const length = bytes.length / of;
  return bytes.slice(part * length, (part + 1) * length);
}

function mismatch(name: string, shape: readonly number[], wanted: string): WeightsError {
  return new WeightsError(`Cannot rename tensor "${name}": its shape is [${shape}], expected ${wanted}.`);
}

/** Bytes of a matrix to those of its transpose, which has the given shape. */
function transpose(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: WeightDtype,
  [rows = 0, columns = 0]: readonly number[],
): Uint8Array<ArrayBuffer> {
  const size = elementSize(dtype);
  const result = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (column * rows + row) * size;
      const to = (row * columns + column) * size;
      for (let byte = 0; byte < size; byte++) result[to + byte] = bytes[from + byte]!;
    }
  }
  return result;
}
