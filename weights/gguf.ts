/**
 * GGUF, the format of llama.cpp, stable-diffusion.cpp and ComfyUI-GGUF: typed keys, and tensors in blocks of few bits.
 * Only the header is read when a file is opened; a tensor's bytes are read when asked for, and widened one by one where
 * a backend cannot hold them as they are.
 *
 * @see {@link https://github.com/ggml-org/ggml/blob/master/docs/gguf.md}
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { ggufMagic, type GgufValue, readGgufHeader } from "./_gguf_header.ts";
import { missingTensor } from "./_missing.ts";
import { HeaderProblem } from "./_safetensors_header.ts";
import { type ByteSource, openRandomAccess, type RandomAccess } from "./random_access.ts";
import type { BlockKind, Weights } from "./weights.ts";

export type { GgufScalar, GgufValue, GgufValueType } from "./_gguf_header.ts";

/** The tensors of one file, and what its header says besides. */
export interface GgufFile extends Weights {
  /** Keys whose values are strings. */
  readonly metadata: Readonly<Record<string, string>>;
  /** All keys with their values. */
  readonly values: ReadonlyMap<string, GgufValue>;
}

/**
 * Opens a GGUF file of version 2 or 3 and checks its header. Shapes are in the order of PyTorch, outermost first, and
 * those that `comfy.gguf.orig_shape.*` says. Disposing the result closes the file.
 *
 * @param source A path, a `Blob` or `File`, the file's bytes, or a source of your own.
 * @throws {WeightsError} If the file is damaged, or has a tensor of a type that is not supported.
 *
 * @example
 * ```ts ignore
 * import { openGguf, readFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * await using file = await openGguf("sd15-Q4_K_M.gguf");
 * console.log(file.info("out.2.weight")?.encoding?.kind, await readFloat32(file, "out.2.weight"));
 * ```
 */
export async function openGguf(source: ByteSource): Promise<GgufFile> {
  const bytes = await openRandomAccess(source);
  try {
    return await over(bytes);
  } catch (error) {
    await bytes[Symbol.asyncDispose]();
    if (!(error instanceof HeaderProblem)) throw error;
    const label = bytes.path === undefined ? "GGUF" : `"${bytes.path}"`;
    throw new WeightsError(`Cannot open ${label}: ${error.message}.`, { cause: error.cause });
  }
}

/** Whether a source begins as a GGUF file does. */
export async function isGguf(bytes: RandomAccess): Promise<boolean> {
  if (bytes.size < ggufMagic.length) return false;
  return String.fromCharCode(...await bytes.read(0, ggufMagic.length)) === ggufMagic;
}

async function over(bytes: RandomAccess): Promise<GgufFile> {
  const { values, tensors } = await readGgufHeader(bytes);
  const strings = [...values].filter(([, { value }]) => typeof value === "string");
  const { path } = bytes;
  return {
    metadata: Object.fromEntries(strings.map(([key, { value }]) => [key, value as string])),
    values,
    names: () => tensors.keys(),
    info(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) return undefined;
      const { type: { name: kind, dtype = "U8", block }, shape, offset, byteLength } = tensor;
      return {
        dtype,
        shape,
        byteLength,
        ...path !== undefined && { file: { path, offset, length: byteLength } },
        ...block > 1 && { encoding: { kind: kind as BlockKind, block } },
      };
    },
    async read(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw missingTensor(name, path);
      return await bytes.read(tensor.offset, tensor.byteLength);
    },
    [Symbol.asyncDispose]: () => bytes[Symbol.asyncDispose](),
  };
}
