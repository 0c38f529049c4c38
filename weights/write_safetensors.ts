/**
 * Writing safetensors, tensor by tensor: no more than one is in memory at a time.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { type FileTensor, fileTensors } from "./_encoded_names.ts";
import { fileSystem } from "./_file_system.ts";
import { elementSize } from "./dtype.ts";

import type { Weights } from "./weights.ts";

/** Options of {@linkcode writeSafetensors} and {@linkcode encodeSafetensors}. */
export interface WriteSafetensorsOptions {
  /**
   * What the header says besides the tensors.
   * @default {{}}
   */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes weights to a safetensors file. The file appears under its name when it is complete, so that it may
 * also be the one that `weights` reads from. The same tensors always give the same bytes: wide elements
 * first, so that each tensor is aligned to its element size, then by name.
 *
 * @throws {WeightsError} If a tensor cannot be read, or has another size than its description.
 *
 * @example
 * ```ts ignore
 * import { openWeights, writeSafetensors } from "@mobile-diffusion/sdk/weights";
 *
 * await using weights = await openWeights("unet");
 * await writeSafetensors("unet.safetensors", weights, { metadata: { format: "pt" } });
 * ```
 */
export async function writeSafetensors(
  path: string,
  weights: Weights,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const { open, rename, rm } = fileSystem(path);
  const partial = `${path}.partial`;
  try {
    const layout = layOut(weights, options);
    const file = await open(partial, "w");
    try {
      // Piece by piece: Bun's writeFile pads a file that it is given as an iterable.
      for await (const chunk of chunks(layout)) await writeAll(file, chunk);
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** A write may take less than it is given. */
async function writeAll(file: Pick<FileHandle, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

type FileHandle = import("node:fs/promises").FileHandle;

/**
 * The bytes that {@linkcode writeSafetensors} writes.
 *
 * @throws {WeightsError} If a tensor cannot be read, or has another size than its description.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, memoryWeights } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } as const;
 * const bytes = await encodeSafetensors(memoryWeights({ bias }));
 * console.log(bytes.length); // 80
 * ```
 */
export async function encodeSafetensors(
  weights: Weights,
  options: WriteSafetensorsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const layout = layOut(weights, options);
  const bytes = new Uint8Array(layout.size);
  let offset = 0;
  for await (const chunk of chunks(layout)) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

interface Layout {
  /** Length prefix and JSON, padded so that the data begins at a multiple of 8. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** Tensors in the order of their data. */
  readonly tensors: readonly FileTensor[];
  /** Size of the whole file in bytes. */
  readonly size: number;
}

function layOut(weights: Weights, { metadata = {} }: WriteSafetensorsOptions): Layout {
  const tensors = [...fileTensors(weights)]
    .sort((a, b) => elementSize(b.dtype) - elementSize(a.dtype) || (a.name < b.name ? -1 : 1));
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, byteLength }) => {
    const start = end;
    end += byteLength;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const hasMetadata = Object.keys(metadata).length > 0;
  const json = JSON.stringify(
    Object.fromEntries([...hasMetadata ? [["__metadata__", metadata]] : [], ...entries]),
  );
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(" ".charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return { header, tensors, size: header.length + end };
}

async function* chunks({ header, tensors }: Layout): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield header;
  for (const { name, byteLength, read } of tensors) {
    const bytes = await read();
    if (bytes.length !== byteLength) {
      throw new WeightsError(
        `Cannot write tensor "${name}": it has ${bytes.length} bytes, expected ${byteLength}.`,
      );
    }
    yield bytes;
  }
}
