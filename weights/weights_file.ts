/**
 * A file of weights, of whichever format.
 *
 * @module
 */
import { isPickle } from "./_pickle.ts";
import { isGguf, openGguf } from "./gguf.ts";
import { type ByteSource, openRandomAccess } from "./random_access.ts";
import { openSafetensors } from "./safetensors.ts";
import type { Weights } from "./weights.ts";

/** The tensors of one file, and what its header says besides. */
export interface WeightsFile extends Weights {
  /** Strings of the header by their keys. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens a file of weights: GGUF where it begins as one, else safetensors. Disposing the result closes the file.
 *
 * @throws {WeightsError} If the file is damaged, has an unknown element type or encoding, or is a pickle.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, memoryWeights, openWeightsFile } from "@mobile-diffusion/sdk/weights";
 *
 * const bias = { dtype: "F32", shape: [2], data: new Float32Array(2) } as const;
 * await using file = await openWeightsFile(await encodeSafetensors(memoryWeights({ bias })));
 * console.log([...file.names()]); // [ "bias" ]
 * ```
 */
export async function openWeightsFile(source: ByteSource): Promise<WeightsFile> {
  // A path says by its end what it is, so that a damaged file is told of as what it should be.
  if (typeof source === "string" && /\.gguf$/i.test(source)) return await openGguf(source);
  if (typeof source === "string" && (/\.safetensors$/i.test(source) || isPickle(source))) {
    return await openSafetensors(source);
  }
  const bytes = await openRandomAccess(source);
  return await isGguf(bytes) ? await openGguf(bytes) : await openSafetensors(bytes);
}
