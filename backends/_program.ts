/** From a source to what a session is made of: an ONNX model, and the files in memory that it names. */
import { WeightsError } from "../core/errors.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph, WeightValue } from "../graph/graph.ts";
import { type OperatorSupport, type Placement, writeOnnx } from "../graph/onnx.ts";
import { toFloat16, toFloat32 } from "../weights/convert.ts";
import type { WeightInfo, Weights } from "../weights/weights.ts";
import type { GraphSource } from "./backend.ts";

/** A program for an ONNX session. */
export interface Program {
  /** What it is, for errors: `unet`. */
  readonly name: string;
  /** The serialised model. */
  readonly model: Uint8Array;
  /** The files that the model's external data names and that are not on disk, read one by one. */
  files(): AsyncIterable<ExternalFile>;
  /** Folder against which the runtime resolves external data that is on disk. */
  readonly folder?: string;
}

/** A file in memory. */
export interface ExternalFile {
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** How a graph's program is written. */
export interface GraphProgramOptions {
  readonly support: OperatorSupport;
  readonly compute: "float32" | "float16";
}

/** A graph whose weights are read into memory and converted to the computing type, tensor by tensor. */
export function memoryProgram({ graph, weights }: GraphSource, { support, compute }: GraphProgramOptions): Program {
  const infos = bindWeights(graph, weights);
  const elementSize = compute === "float16" ? 2 : 4;
  const place = ({ key, shape }: WeightValue): Placement => {
    const length = elementSize * shape.reduce((size, dimension) => size * dimension, 1);
    return { location: key, offset: 0, length, type: compute };
  };
  return {
    name: graph.name,
    model: writeOnnx(graph, { place, support, compute }),
    async *files() {
      for (const [key, { dtype }] of infos) {
        const stored = await weights.read(key);
        const { buffer, byteOffset, byteLength } = dtype === (compute === "float16" ? "F16" : "F32")
          ? stored
          : compute === "float16"
          ? toFloat16(toFloat32(stored, dtype))
          : toFloat32(stored, dtype);
        yield { path: key, data: new Uint8Array(buffer, byteOffset, byteLength) };
      }
    },
  };
}

/**
 * Checks that the weights have every tensor of the graph, and gives their descriptions by key.
 *
 * @throws {WeightsError} If tensors are missing or of another shape.
 */
export function bindWeights(graph: Graph, weights: Weights): Map<string, WeightInfo> {
  const infos = new Map<string, WeightInfo>();
  const missing = new Set<string>();
  for (const { key, stored } of graph.weights) {
    const info = weights.info(key);
    if (info === undefined) {
      missing.add(key);
    } else if (!equal(info.shape, stored)) {
      throw new WeightsError(
        `Cannot load ${graph.name}: tensor "${key}" has shape [${info.shape}], expected [${stored}].`,
      );
    } else {
      infos.set(key, info);
    }
  }
  if (missing.size === 0) return infos;
  const named = [...missing].slice(0, 3).map((key) => `"${key}"`).join(", ");
  const others = missing.size > 3 ? ` and ${missing.size - 3} more` : "";
  throw new WeightsError(
    `Cannot load ${graph.name}: its weights lack ${named}${others}; ${infos.size} of the ` +
      `${infos.size + missing.size} tensors that it needs are there.`,
  );
}

/** The values of a graph's symbolic sizes, also of those that are worked out from others. */
export function fixedDimensions(
  { inputs }: Graph,
  dimensions: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const fixed: Record<string, number> = {};
  for (const size of inputs.flatMap(({ shape }) => shape)) {
    if (typeof size === "number") continue;
    const names = size.match(/[A-Za-z_]\w*/g)!.filter((name) => name !== "floor");
    if (names.every((name) => dimensions[name] !== undefined)) fixed[size] = evaluate(size, dimensions);
  }
  return fixed;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
