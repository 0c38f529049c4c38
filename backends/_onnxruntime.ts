/**
 * Sessions of ONNX Runtime on this thread. Its JavaScript packages (`-node`, `-web`) share one interface, so what
 * differs between our backends is only which package, which provider, and how weights get there.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import { viewAs } from "./runner/port_tensor.ts";
import type { Program } from "./_program.ts";
import type { PortData, PortTensor, Session } from "./runner/session.ts";
import type { Port } from "./backend.ts";

/** The part of the runtime's packages that is used here. */
export type Runtime = Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor" | "env">;

/** Options of the runtime's sessions. */
export type SessionOptions = InferenceSession.SessionOptions;

/**
 * Opens a session on this thread.
 *
 * @throws {UnsupportedModelError} If the provider lacks an operator of the model.
 * @throws {BackendUnavailableError} If the runtime has no such provider.
 * @throws {RangeError} If the memory does not suffice.
 */
export async function openSession(
  runtime: Runtime,
  program: Pick<Program, "name" | "model" | "dimensions" | "files" | "folder">,
  options: SessionOptions,
): Promise<Session> {
  const session = await createSession(runtime, program, options);
  return {
    ...portsOf(session),
    async run(feeds) {
      const inputs = Object.entries(feeds as Record<string, PortTensor>).map((
        [name, feed],
      ) => [name, toOrt(runtime, feed)]);
      const outputs = await session.run(Object.fromEntries(inputs)).catch((cause) => {
        throw runtimeError(`Cannot run ${program.name}`, cause);
      });
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]));
    },
    release: () => session.release(),
  };
}

/** Creates a session of the runtime itself. */
export async function createSession(
  { InferenceSession }: Runtime,
  { name, model, dimensions, files, folder }: Pick<
    Program,
    "name" | "model" | "dimensions" | "files" | "folder"
  >,
  options: SessionOptions,
): Promise<InferenceSession> {
  const externalData = await Array.fromAsync(files());
  const all: SessionOptions = {
    graphOptimizationLevel: "all",
    logSeverityLevel: 4, // errors are thrown, and warnings name nothing that a user could change
    freeDimensionOverrides: dimensions,
    ...externalData.length > 0 && { externalData },
    ...folder !== undefined &&
      { extra: { session: { model_external_initializers_file_folder_path: folder } } },
    ...options,
  };
  try {
    return typeof model === "string"
      ? await InferenceSession.create(model, all)
      : await InferenceSession.create(model, all);
  } catch (cause) {
    throw runtimeError(`Cannot load ${name}`, cause as Error);
  }
}

/** What the runtime's words mean to a caller. */
const meanings:
  readonly (readonly [words: RegExp, meaning: new (message: string, options: ErrorOptions) => Error])[] = [
    [/Could not find an implementation|is not a registered function\/op/, UnsupportedModelError],
    [/backend not found|Failed to load shared library|No supported adapters/, BackendUnavailableError],
    [/bad_alloc|[Ff]ailed to allocate|out of memory/, RangeError],
  ];

/** An error of the runtime as one of ours. */
export function runtimeError(action: string, cause: Error): Error {
  const [, Meaning = Error] = meanings.find(([words]) => words.test(cause.message)) ?? [];
  return new Meaning(`${action}: ONNX Runtime says "${cause.message.trim()}".`, { cause });
}

/** A tensor of the runtime over the same memory. */
export function toOrt({ Tensor }: Runtime, { type, data, dims }: PortTensor): OrtTensor {
  const tensor = new Tensor(type as "float32", data as Float32Array, dims);
  // The native package takes float16 as bits only, but its constructor makes a Float16Array of them.
  if (type === "float16") Object.assign(tensor, { cpuData: data });
  return tensor;
}

/** The elements of a tensor of the runtime that is in host memory, not copied. */
export function fromOrt({ type, data, dims }: OrtTensor): PortTensor {
  const { buffer, byteOffset, byteLength } = data as PortData;
  const { BYTES_PER_ELEMENT } = viewAs(type, new ArrayBuffer(0));
  return {
    type,
    data: viewAs(type, buffer as ArrayBuffer, byteOffset, byteLength / BYTES_PER_ELEMENT),
    dims,
  };
}

/** What a session takes and gives. */
export function portsOf(session: InferenceSession): Pick<Session, "inputs" | "outputs"> {
  return { inputs: session.inputMetadata.map(port), outputs: session.outputMetadata.map(port) };
}

function port(metadata: InferenceSession.ValueMetadata): Port {
  if (!metadata.isTensor) throw new TypeError(`Cannot load the model: "${metadata.name}" is no tensor.`);
  return { name: metadata.name, dtype: metadata.type, shape: metadata.shape };
}
