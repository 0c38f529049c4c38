/** From somebody's ONNX file to a program: what it needs beside it, and whether the provider has its operators. */
import { builtin } from "../core/platform.ts";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { decodeModel, type GraphProto, type TensorProto } from "../graph/onnx_proto.ts";
import { openRandomAccess } from "../weights/random_access.ts";
import type { LoadOptions, OnnxSource } from "./backend.ts";
import type { ExternalFile, Program } from "./_program.ts";

/** Options of {@linkcode onnxProgram}. */
export interface OnnxProgramOptions {
  /** The backend's name, for errors. */
  readonly backend: string;
  /** Operators that the provider does not have. */
  readonly lacking: ReadonlySet<string>;
  /** Numbers for symbolic sizes. */
  readonly dimensions: LoadOptions["dimensions"] | undefined;
  /** Whether the runtime reads external data from disk by itself. */
  readonly readsFiles?: boolean;
  /** Told when it could not. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Reads a model and finds its external data. An ONNX model keeps the element types that it was exported in.
 *
 * @throws {UnsupportedModelError} If it is no ONNX model, or has operators that the provider lacks.
 * @throws {WeightsError} If external data is missing.
 */
export async function onnxProgram(source: OnnxSource, options: OnnxProgramOptions): Promise<Program> {
  const { model, externalData = [] } = source;
  const name = typeof model === "string" ? `"${model}"` : "the ONNX model";
  const bytes = typeof model === "string" ? await readWhole(model) : model;
  const graph = decode(bytes, name);
  checkOperators(graph, name, options);
  const locations = [...externalLocations(graph)];
  const places = new Map(externalData.map(({ location, data }) => [location, data]));
  for (const location of locations) {
    if (!places.has(location)) places.set(location, besides(model, location, name));
  }
  const symbols = new Set(
    graph.input.flatMap(({ type }) => type.tensorType.shape?.dim ?? []).map((dim) => dim.dimParam),
  );
  const dimensions = Object.entries(options.dimensions ?? {}).filter(([symbol]) => symbols.has(symbol));
  const program = { name, dimensions: Object.fromEntries(dimensions) };
  if (options.readsFiles && typeof model === "string" && externalData.length === 0) {
    const stray = await findStray(model, locations);
    if (stray === undefined) return { ...program, model, async *files() {} };
    options.onWarning?.(`The weights of ${name} are held in memory: "${stray}" is a link out of its folder.`);
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

function decode(bytes: Uint8Array, name: string): GraphProto {
  try {
    return decodeModel(bytes).graph;
  } catch (cause) {
    throw new UnsupportedModelError(`Cannot load ${name}: it is not an ONNX model.`, { cause });
  }
}

function checkOperators(graph: GraphProto, name: string, { backend, lacking }: OnnxProgramOptions): void {
  const used = new Set([...graphs(graph)].flatMap(({ node }) => node.map(({ opType }) => opType)));
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

/** A graph and the graphs inside its nodes. */
function* graphs(graph: GraphProto): Generator<GraphProto> {
  yield graph;
  for (const { attribute = [] } of graph.node) {
    for (const { g } of attribute) if (g !== undefined) yield* graphs(g);
  }
}

function externalLocations(root: GraphProto): Set<string> {
  const tensors = [...graphs(root)].flatMap(({ initializer, node }): readonly (TensorProto | undefined)[] => [
    ...initializer,
    ...node.flatMap(({ attribute = [] }) => attribute.map(({ t }) => t)),
  ]);
  const entries = tensors.flatMap((tensor) => tensor?.externalData ?? []);
  return new Set(entries.filter(({ key }) => key === "location").map(({ value }) => value));
}

/** Path of a file beside the model. */
function besides(model: OnnxSource["model"], location: string, name: string): string {
  if (typeof model === "string") return model.replace(/[^/\\]*$/, location);
  throw new WeightsError(`Cannot load ${name}: its external data "${location}" is not in externalData.`);
}

/** The first location that leads out of the model's folder, which the runtime does not follow. */
async function findStray(model: string, locations: readonly string[]): Promise<string | undefined> {
  const { realpath } = builtin("node:fs/promises");
  const { dirname, join, relative } = builtin("node:path");
  const folder = dirname(model);
  const root = await realpath(folder);
  for (const location of locations) {
    const target = await realpath(join(folder, location)).catch((cause: unknown) => {
      throw new WeightsError(`Cannot load "${model}": its external data "${location}" is not beside it.`, {
        cause,
      });
    });
    if (relative(root, target).startsWith("..")) return location;
  }
}
