/**
 * Weights in 8 bits: a quarter of float32's size, for where memory is short. Activations stay as they are.
 *
 * Each row w along a weight's first dimension, which is an output channel of a linear layer or a convolution
 * and a token of an embedding, is stored as `q = round(w / s)` with its own scale `s = max |w| / 127`:
 * symmetric, halves to even. The error is at most s / 2, and s / √12 in the mean square.
 *
 * In a file, a quantised tensor `NAME` is I8 of its usual shape, beside `NAME.scale`, F32 `[rows]`. The
 * metadata have `"quantisation": "int8-per-output-channel"`. A reader gives the two as one encoded tensor.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { readFloat32 } from "./read_float.ts";
import { isFloat } from "./dtype.ts";
import { storedBytes } from "./encoding.ts";
import { openWeights } from "./open_weights.ts";
import { type ComputedTensor, overrideWeights } from "./override.ts";
import type { WeightInfo, Weights } from "./weights.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** Options of {@linkcode quantised}, {@linkcode dequantised} and {@linkcode quantiseFile}. */
export interface QuantiseOptions {
  /**
   * Whether a tensor changes: one of two or more dimensions that becomes 8-bit, or an encoded one that is widened.
   * @default {worthQuantising, and all encoded ones}
   */
  readonly select?: (name: string, info: WeightInfo) => boolean;
}

/** What {@linkcode quantiseFile} did. */
export interface QuantiseReport {
  /** Number of tensors that became 8-bit. */
  readonly quantised: number;
  /** Number of tensors that stayed as they were. */
  readonly kept: number;
  /** Size of all tensors before, in bytes. */
  readonly bytesBefore: number;
  /** Size of all tensors and scales after, in bytes. */
  readonly bytesAfter: number;
}

/**
 * The default choice: weights of 4096 elements or more. Three kinds stay, which are small and which every
 * number of the result passes through: the first and the last convolution, and position embeddings.
 */
export function worthQuantising(name: string, { shape }: WeightInfo): boolean {
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  return elements >= 4096 && !/(^|\.)(conv_in|conv_out|position_embedding)\.weight$/.test(name);
}

/**
 * A view of weights with tensors quantised when they are read. Norms, biases and integers always stay.
 * Disposing the view disposes `weights`.
 *
 * @throws {WeightsError} When a tensor is read that has a value which is not finite.
 *
 * @example
 * ```ts
 * import { memoryWeights, quantised } from "@mobile-diffusion/sdk/weights";
 *
 * const weight = { dtype: "F32", shape: [1, 3], data: new Float32Array([-2.54, 1, 0.01]) } as const;
 * const small = quantised(memoryWeights({ weight }), { select: () => true });
 * console.log(new Int8Array((await small.read("weight")).buffer)); // [ -127, 50, 0 ]
 * console.log(small.info("weight")?.encoding?.kind); // "scaled"
 * ```
 */
export function quantised(weights: Weights, { select = worthQuantising }: QuantiseOptions = {}): Weights {
  const computed = new Map<string, ComputedTensor>();
  for (const name of weights.names()) {
    const info = weights.info(name)!;
    const [rows = 0] = info.shape;
    if (info.shape.length < 2 || info.encoding !== undefined || !isFloat(info.dtype)) continue;
    if (!select(name, info)) continue;
    computed.set(name, {
      dtype: "I8",
      shape: info.shape,
      encoding: {
        kind: "scaled",
        axis: 0,
        scale: {
          dtype: "F32",
          shape: [rows],
          byteLength: 4 * rows,
          read: async () => new Uint8Array(scales(name, await readFloat32(weights, name), rows).buffer),
        },
      },
      async read() {
        const values = await readFloat32(weights, name);
        return new Uint8Array(divideRows(values, scales(name, values, rows)).buffer);
      },
    });
  }
  return overrideWeights(weights, computed);
}

/**
 * A view of weights without encodings, or with those alone that are not selected: what was stored as codes is float32,
 * widened when it is read; other tensors stay as they are. Disposing the view disposes `weights`.
 *
 * @example
 * ```ts
 * import { dequantised, memoryWeights, quantised } from "@mobile-diffusion/sdk/weights";
 *
 * const weight = { dtype: "F32", shape: [1, 2], data: new Float32Array([-127, 50.2]) } as const;
 * const small = quantised(memoryWeights({ weight }), { select: () => true });
 * console.log(new Float32Array((await dequantised(small).read("weight")).buffer)); // [ -127, 50 ]
 * ```
 */
export function dequantised(
  weights: Weights,
  { select = () => true }: QuantiseOptions = {},
): Weights {
  const computed = [...weights.names()].flatMap((name) => {
    const info = weights.info(name)!;
    const { encoding, shape } = info;
    if (encoding === undefined || !select(name, info)) return [];
    const read = async () => new Uint8Array((await readFloat32(weights, name)).buffer);
    return [[name, { dtype: "F32", shape, read }] as const];
  });
  return overrideWeights(weights, new Map(computed));
}

/**
 * Quantises a file, the shards of an index, or a component's folder into one file.
 *
 * @param input What {@linkcode openWeights} opens.
 * @param output Path of the safetensors file to write; may be that of the input.
 * @throws {WeightsError} If the input cannot be opened, or has a value that is not finite.
 *
 * @example
 * ```ts ignore
 * import { quantiseFile } from "@mobile-diffusion/sdk/weights";
 *
 * const { bytesBefore, bytesAfter } = await quantiseFile("model/unet", "small/unet/model.safetensors");
 * console.log(bytesAfter / bytesBefore);
 * ```
 */
export async function quantiseFile(
  input: string,
  output: string,
  options: QuantiseOptions = {},
): Promise<QuantiseReport> {
  await using weights = await openWeights(input);
  const small = quantised(weights, options);
  await writeSafetensors(output, small, {
    metadata: { format: "pt", quantisation: "int8-per-output-channel" },
  });
  const names = [...weights.names()];
  const size = (from: Weights) => names.reduce((sum, name) => sum + storedBytes(from.info(name)!), 0);
  const isNew = (name: string) => small.info(name)!.encoding !== weights.info(name)!.encoding;
  const count = names.filter(isNew).length;
  return {
    quantised: count,
    kept: names.length - count,
    bytesBefore: size(weights),
    bytesAfter: size(small),
  };
}

/** The smallest scale that float32 holds to its full precision. */
const smallestScale = 2 ** -126;

/** `max |w| / 127` of each row; 1 for a row of zeros, or of values too small for an exact scale. */
function scales(name: string, values: Float32Array, rows: number): Float32Array<ArrayBuffer> {
  const length = values.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => {
    let largest = 0;
    for (let i = row * length; i < (row + 1) * length; i++) {
      const magnitude = Math.abs(values[i]!);
      if (!(magnitude < Infinity)) {
        throw new WeightsError(
          `Cannot quantise tensor "${name}": it has the value ${values[i]}, expected finite ones.`,
        );
      }
      if (magnitude > largest) largest = magnitude;
    }
    return largest / 127 < smallestScale ? 1 : largest / 127;
  });
}

function divideRows(values: Float32Array, scales: Float32Array): Int8Array<ArrayBuffer> {
  const length = values.length / scales.length;
  const result = new Int8Array(values.length);
  const toWhole = 1.5 * 2 ** 52; // a double of this size has no fraction: adding it rounds, halves to even
  scales.forEach((scale, row) => {
    for (let i = row * length; i < (row + 1) * length; i++) {
      result[i] = values[i]! / scale + toWhole - toWhole;
    }
  });
  return result;
}
