/**
 * Sessions of ONNX Runtime on this thread. Its JavaScript packages (`-node`, `-web`) share one interface, so what
 * differs between our backends is only which package, which provider, and how weights get there.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import { type PortData, type PortTensor, viewAs } from "./_port_tensor.ts";
import type { Feeds, Session } from "./_session.ts";
import type { Port } from "./backend.ts";

/** The part of the runtime's packages that is used here. */
export type Runtime = Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor" | "env">;

/** Options of the runtime's sessions. */
export type SessionOptions = InferenceSession.SessionOptions;

/** What is the same for all providers. */
const sessionDefaults = {
  graphOptimizationLevel: "all",
  logSeverityLevel: 4, // errors are thrown, and warnings name nothing that a user could change
} as const satisfies SessionOptions;

/** Opens a session on this thread. */
export async function openSession(
  runtime: Runtime,
  model: Uint8Array | string,
  options: SessionOptions,
): Promise<Session> {
  const all = { ...sessionDefaults, ...options };
  const session = await (typeof model === "string"
    ? runtime.InferenceSession.create(model, all)
    : runtime.InferenceSession.create(model, all));
  return {
    inputs: session.inputMetadata.map(port),
    outputs: session.outputMetadata.map(port),
    async run(feeds) {
      const inputs = Object.entries(feeds).map(([name, feed]) => [name, toOrt(runtime, feed as Feeds[string] as PortTensor)]);
      const outputs = await session.run(Object.fromEntries(inputs));
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]));
    },
    release: () => session.release(),
  };
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
  return { type, data: viewAs(type, buffer as ArrayBuffer, byteOffset, byteLength / BYTES_PER_ELEMENT), dims };
}

function port(metadata: InferenceSession.ValueMetadata): Port {
  if (!metadata.isTensor) throw new TypeError(`Cannot load the model: "${metadata.name}" is no tensor.`);
  return { name: metadata.name, dtype: metadata.type, shape: metadata.shape };
}
