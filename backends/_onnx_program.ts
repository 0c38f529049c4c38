/** From somebody's ONNX file to a program: what it needs beside it, and whether the provider has its operators. */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { externalLocations, graphsOf } from "../graph/onnx_external.ts";
import { decodeModel, type GraphProto, type ModelProto } from "../graph/onnx_proto.ts";
import { externalFile } from "../weights/external_data.ts";
import { openRandomAccess } from "../weights/random_access.ts";
import type { LoadOptions, OnnxSource } from "./backend.ts";
import type { ExternalFile, Program } from "./_program.ts";
import { refuseStrangeOperators } from "./_known_operators.ts";
import { refuseOtherTypes } from "./precision.ts";

/** Options of {@linkcode onnxProgram}. */
export interface OnnxProgramOptions {
  /** The backend's name, for errors. */
  readonly backend: string;
  /** Operators that the provider does not have. */
  readonly lacking: ReadonlySet<string>;
  /** Where a graph can end the process: operators beside the known ones; all others are refused. */
  readonly allowOperators?: readonly string[];
  /** What the caller asked for: sizes, and no other types than the model's. */
  readonly options: Pick<LoadOptions, "dtype" | "dimensions">;
  /** Whether the runtime reads external data from disk by itself. */
  readonly readsFiles?: boolean;
  /** Told when it could not. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Reads a model and finds its external data. An ONNX model keeps the element types that it was exported in.
 *
 * @throws {UnsupportedModelError} If it is no ONNX model, is asked for in other types, or has operators that the provider lacks.
 * @throws {WeightsError} If external data is missing, or lies outside of the model's folder.
 */
export async function onnxProgram(source: OnnxSource, options: OnnxProgramOptions): Promise<Program> {
  const { model, externalData = [] } = source;
  const name = typeof model === "string" ? `"${model}"` : "the ONNX model";
  refuseOtherTypes(`${name} on ${options.backend}`, "an ONNX", options.options);
  const bytes = typeof model === "string" ? await readWhole(model) : model;
  const decoded = decode(bytes, name);
  const { graph } = decoded;
  if (options.allowOperators !== undefined) {
    refuseStrangeOperators(decoded, name, new Set(options.allowOperators));
  }
  checkOperators(graph, name, options);
  const locations = [...externalLocations(graph)];
  const places = new Map(externalData.map(({ location, data }) => [location, data]));
  let linked: string | undefined;
  for (const location of locations) {
    if (places.has(location)) continue;
    if (typeof model !== "string") {
      throw new WeightsError(`Cannot load ${name}: its external data "${location}" is not in externalData.`);
    }
    const file = await externalFile(model, location);
    places.set(location, file.path);
    if (file.linked) linked = location;
  }
  const symbols = new Set(
    graph.input.flatMap(({ type }) => type.tensorType.shape?.dim ?? []).map((dim) => dim.dimParam),
  );
  const dimensions = Object.entries(options.options.dimensions ?? {}).filter(([symbol]) =>
    symbols.has(symbol)
  );
  const program = { name, dimensions: Object.fromEntries(dimensions) };
  if (options.readsFiles && typeof model === "string" && externalData.length === 0) {
    if (linked === undefined) return { ...program, model, async *files() {} };
    options.onWarning?.(
      `The weights of ${name} are held in memory: "${linked}" is a link out of its folder.`,
    );
  }
  return {
    ...program,
    model: bytes,
    async *files() {
      for (const location of locations) yield { path: location, data: await load(places.get(location)!) };
    },
  };
}

async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await using file = await openRandomAccess(path);
  return await file.read(0, file.size);
}

/** The receiver may transfer the bytes away, so those of the caller are copied. */
async function load(data: Uint8Array | string): Promise<ExternalFile["data"]> {
  return typeof data === "string" ? await readWhole(data) : new Uint8Array(data);
}

function decode(bytes: Uint8Array, name: string): ModelProto {
  try {
    const model = decodeModel(bytes);
    if (model.graph === undefined) throw new TypeError("it has no graph");
    return model;
  } catch (cause) {
    throw new UnsupportedModelError(`Cannot load ${name}: it is not an ONNX model.`, { cause });
  }
}

function checkOperators(graph: GraphProto, name: string, { backend, lacking }: OnnxProgramOptions): void {
  const used = new Set([...graphsOf(graph)].flatMap(({ node }) => node.map(({ opType }) => opType)));
  const missing = [...used].filter((operator) => lacking.has(operator));
  if (missing.length === 0) return;
  throw new UnsupportedModelError(
    `Cannot load ${name} on ${backend}: it uses ${
      missing.join(", ")
    }, which onnxruntime has for CUDA only. ` +
      `Export it again, or optimise it without fusing these (--disable_group_norm, --disable_nhwc_conv, ` +
      `--disable_bias_splitgelu, --disable_bias_add).`,
  );
}
