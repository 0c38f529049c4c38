/**
 * A program whose weights the runtime maps from their files: 1.1 times their size in memory, where handing them over
 * takes 2.7 times (Stable Diffusion 1.5's UNet, float32).
 *
 * The runtime only reads files of the model's folder, and no symbolic links that lead out of it. A model in memory has
 * no folder of its own, so we say that it is the root of the file system, and name each file by its path from there.
 * Tensors that are in no file (merged adapters, fresh 8-bit weights), or of a type that the runtime cannot cast, are
 * written to a scratch file first.
 */
import { builtin } from "../core/platform.ts";
import type { OperatorSupport } from "../graph/onnx.ts";
import { memoryWeights } from "../weights/memory.ts";
import { overrideWeights } from "../weights/override.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { WeightInfo, Weights } from "../weights/weights.ts";
import { makeScratchFolder } from "./_scratch_folder.ts";
import { writeSafetensors } from "../weights/write_safetensors.ts";
import {
  type BoundGraph,
  fixedDimensions,
  type Location,
  type ProgramTensor,
  programTensors,
  storedTypes,
  writeProgram,
} from "./_graph_program.ts";
import type { Program } from "./_program.ts";

/** Options of {@linkcode mappedProgram}. */
export interface MappedProgramOptions {
  readonly support: OperatorSupport;
  readonly dimensions: Readonly<Record<string, number>> | undefined;
  /** Folder for a scratch file; the system's when undefined. */
  readonly scratchFolder: string | undefined;
}

/** Writes a mapped program. Rejects where files cannot be mapped or a scratch file cannot be written. */
export async function mappedProgram(bound: BoundGraph, options: MappedProgramOptions): Promise<Program> {
  const { graph } = bound;
  const { root, locate } = fromRoot();
  const tensors = programTensors(bound, isMappable);
  const homeless = tensors.filter((tensor) => !isMappable(tensor));
  const scratch = await writeScratch(homeless, options.scratchFolder);
  try {
    const placements = new Map(tensors.map((tensor) => {
      const info = scratch?.info(tensor.name) ?? tensor;
      return [tensor.name, { ...locate(info), type: storedTypes[info.dtype]! }];
    }));
    return {
      name: graph.name,
      model: writeProgram(bound, options.support, placements),
      dimensions: fixedDimensions(graph, options.dimensions),
      folder: root,
      async *files() {},
      // A mapped file needs no name; where it cannot be taken (Windows), it is taken at the end.
      mapped: async () => await scratch?.remove().catch(() => {}),
      release: async () => await scratch?.[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scratch?.[Symbol.asyncDispose]();
    throw error;
  }
}

function isMappable({ dtype, file }: Pick<WeightInfo, "dtype" | "file">): boolean {
  return file !== undefined && storedTypes[dtype] !== undefined;
}

/** The root of the file system, and the way from there to a tensor. */
function fromRoot(): { root: string; locate: (info: Pick<WeightInfo, "file">) => Location } {
  const { isAbsolute, parse, relative, resolve } = builtin("node:path");
  const { root } = parse(resolve("."));
  const locate = ({ file }: Pick<WeightInfo, "file">) => {
    const { path, offset, length } = file!;
    const location = relative(root, resolve(path));
    if (isAbsolute(location)) throw new RangeError(`"${path}" is on another drive than "${root}"`);
    return { location: location.replaceAll("\\", "/"), offset, length };
  };
  return { root, locate };
}

/** Writes tensors to a file of their own; nothing when there are none. Disposing the result removes the file. */
async function writeScratch(
  tensors: readonly ProgramTensor[],
  parent: string | undefined,
): Promise<Weights & { remove(): Promise<void> } | undefined> {
  if (tensors.length === 0) return undefined;
  const weights = overrideWeights(memoryWeights({}), new Map(tensors.map((tensor) => [tensor.name, tensor])));
  const { chmod, rm } = builtin("node:fs/promises");
  const { join } = builtin("node:path");
  const folder = await makeScratchFolder(parent);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "weights.safetensors");
    await writeSafetensors(path, weights);
    await chmod(path, 0o600);
    const file = await openSafetensors(path);
    return {
      ...file,
      remove,
      async [Symbol.asyncDispose]() {
        await file[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
