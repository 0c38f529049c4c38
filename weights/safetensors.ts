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
import { withEncodings } from "./_encoded_names.ts";
import { openFile, type SafetensorsFile } from "./_safetensors_file.ts";
import type { ByteSource } from "./random_access.ts";

export type { SafetensorsFile } from "./_safetensors_file.ts";

/**
 * Opens a safetensors file and checks its header. Tensors are named in the order of their data; scales of others are
 * not named but said in their `encoding`. Disposing the result closes the file.
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
  return await openFile(source, withEncodings);
}
