/** From a file of a folder to what a backend loads. */
import type { OnnxSource } from "../backends/backend.ts";
import type { OnnxBytes } from "../families/components.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { onnxNames } from "../core/model_files.ts";
import { externalLocations } from "../graph/onnx_external.ts";
import { decodeModel, type GraphProto } from "../graph/onnx_proto.ts";
import { externalFile } from "../weights/external_data.ts";
import type { ModelFolder } from "../weights/model_folder.ts";

/**
 * The `.onnx` file of a component: `model.onnx`, or the one of a variant, as `model_fp16.onnx`.
 *
 * @returns `undefined` where there is none.
 */
export function onnxFile(folder: ModelFolder, component: string, variant?: string): string | undefined {
  return onnxNames(variant).map((name) => `${component}/${name}`).find((file) => folder.files.has(file));
}

/**
 * A model for a backend. On disk that is its path; else its bytes, and those of the files that it names for its
 * weights, which lie beside it.
 *
 * @throws {UnsupportedModelError} If it is no ONNX model.
 * @throws {TypeError} If one of these files is missing.
 */
export async function onnxSource(folder: ModelFolder, file: string): Promise<OnnxSource> {
  const path = folder.source(file);
  if (typeof path === "string") return { kind: "onnx", model: path };
  return { kind: "onnx", ...await onnxBytes(folder, file) };
}

/**
 * A model's bytes, and those of the files that it names for its weights. They are the caller's to change.
 *
 * @throws As {@linkcode onnxSource}.
 */
export async function onnxBytes(folder: ModelFolder, file: string): Promise<OnnxBytes> {
  const model = (await folder.read(file)).slice();
  const beside = file.slice(0, file.lastIndexOf("/") + 1);
  const externalData: { location: string; data: Uint8Array }[] = [];
  for (const location of externalLocations(decode(model, file))) {
    const path = folder.source(file);
    if (typeof path === "string") await externalFile(path, location); // as a backend does that reads it from disk
    externalData.push({ location, data: (await folder.read(`${beside}${location}`)).slice() });
  }
  return { model, externalData };
}

function decode(model: Uint8Array, file: string): GraphProto {
  let cause: unknown;
  try {
    const { graph } = decodeModel(model);
    if (graph !== undefined) return graph;
  } catch (error) {
    cause = error;
  }
  throw new UnsupportedModelError(`Cannot open "${file}": it is not an ONNX model.`, { cause });
}
