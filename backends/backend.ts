/**
 * The backend contract: something that loads a part's program and runs it. A backend of your own is any value of
 * this shape; `@mobile-diffusion/sdk/testing` checks it as ours are checked.
 *
 * @module
 */
import type { DeviceTensor, Tensor, TensorData } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../weights/weights.ts";
import type { Precision, PrecisionName } from "./precision.ts";

/** Loads programs. Making one costs nothing; it looks for its runtime at the first `load`. */
export interface Backend {
  /** Its name on the command line. */
  readonly name: string;
  /** The precisions that it has for graphs; it refuses others. A backend that says none is asked by loading. */
  readonly precisions?: readonly (Precision | PrecisionName)[];
  /** How much memory a program may take in all, in bytes, where there is a limit that is known. */
  readonly memory?: number;
  /**
   * Loads a program with its weights, ready to run.
   *
   * @throws {BackendUnavailableError} If the backend cannot run on this machine.
   * @throws {UnsupportedModelError} If it cannot run this kind of source, an operator of it, or in this precision.
   * @throws {WeightsError} If a weight is missing, damaged or of another shape.
   */
  load(source: PartSource, options?: LoadOptions): Promise<Runner>;
}

/** What a backend may be given: our own graph, somebody's ONNX file, or a compiled Core ML model. */
export type PartSource = GraphSource | OnnxSource | CoreMLSource;

/** A network as data, with the tensors that its weights name. */
export interface GraphSource {
  /** Tells it apart. */
  readonly kind: "graph";
  /** The program. */
  readonly graph: Graph;
  /** Its weights; they must stay open as long as the runner. */
  readonly weights: Weights;
}

/** A serialised ONNX model. */
export interface OnnxSource {
  /** Tells it apart. */
  readonly kind: "onnx";
  /** Path of the `.onnx` file, or its bytes. */
  readonly model: string | Uint8Array;
  /** External data by the `location` that the model names; with a path, files beside it are found without. */
  readonly externalData?: readonly { readonly location: string; readonly data: Uint8Array | string }[];
}

/** A compiled Core ML model folder. */
export interface CoreMLSource {
  /** Tells it apart. */
  readonly kind: "coreml";
  /** Path of a `.mlmodelc` folder, or of a `.mlpackage` that is compiled first. */
  readonly path: string;
}

/** Options of {@linkcode Backend.load}. */
export interface LoadOptions {
  /**
   * How a graph is held and computed. ONNX and Core ML models keep the types that they were exported in, and refuse
   * any other.
   * @default {weights as they are stored, activations in float32}
   */
  readonly dtype?: Precision | PrecisionName;
  /** Values of symbolic dimensions that will never change, so that the runtime can plan for them. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** Stops a load that is under way. */
  readonly signal?: AbortSignal;
}

/** A tensor on either side of the border. */
export type AnyTensor = Tensor<TensorData> | DeviceTensor;

/** Name, element type and shape of an input or output. */
export interface Port {
  /** Its name in `run`. */
  readonly name: string;
  /** Element type as the program declares it; a runner converts float32 and integer tensors to it. */
  readonly dtype: string;
  /** Sizes, or names where a size is free. */
  readonly shape: readonly (number | string)[];
}

/** Options of {@linkcode Runner.run}. */
export interface RunOptions {
  /** Outputs that stay on the backend as {@linkcode DeviceTensor}s; the caller disposes them. */
  readonly keep?: readonly string[];
  /** Abandons the run: it rejects at once, and where the backend can, the work stops too. */
  readonly signal?: AbortSignal;
}

/** A loaded program. Calls made at the same time are served one after the other. */
export interface Runner extends AsyncDisposable {
  /** What `run` takes. */
  readonly inputs: readonly Port[];
  /** What `run` gives. */
  readonly outputs: readonly Port[];
  /**
   * Runs the program once. All inputs are needed; outputs are host tensors, except those named in `keep`.
   *
   * @throws {TypeError} If an input is missing, unknown, or of the wrong rank.
   */
  run(inputs: Readonly<Record<string, AnyTensor>>, options?: RunOptions): Promise<Record<string, AnyTensor>>;
}
