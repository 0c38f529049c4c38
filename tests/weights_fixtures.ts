/** What the tests of `weights/` share. */
import type { MemoryTensor } from "../weights/memory.ts";
import type { Weights } from "../weights/weights.ts";

/** The folder of reference fixtures. */
export const reference: string = `${import.meta.dirname}/reference`;

/** The folder of fixtures that scripts of ours made. */
export const fixtures: string = `${import.meta.dirname}/data`;

/** A safetensors file of this header, JSON text or the object that it says, and data 0, 1, 2, …. */
export function safetensorsFile(
  header: string | Record<string, unknown>,
  dataLength: number = 0,
): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  for (let i = 0; i < dataLength; i++) bytes[8 + json.length + i] = i;
  return bytes;
}

/** A folder that is gone when it is disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Whole numbers from 0 to below a bound, by seed (the linear congruence of Numerical Recipes). */
export function randomIntegers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * bound);
  };
}

/** Roughly normal numbers: each is the sum of three uniform ones. */
export function randomFloats(seed: number, length: number): Float32Array<ArrayBuffer> {
  const next = randomIntegers(seed);
  const uniform = () => next(2 ** 24) / 2 ** 23 - 1;
  return Float32Array.from({ length }, () => uniform() + uniform() + uniform());
}

/** The bytes of a whole typed array. */
export function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

/** A float32 tensor of 0, 1, 2, …. */
export function counting(...shape: number[]): MemoryTensor {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  return { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => i) };
}

/** Weights whose tensors all seem to be at byte 100 of a file, and that know whether they were disposed. */
export function onDisk(weights: Weights): Weights & { disposed: boolean } {
  return {
    ...weights,
    disposed: false,
    info(name) {
      const info = weights.info(name);
      return info && { ...info, file: { path: "a.safetensors", offset: 100, length: info.byteLength } };
    },
    [Symbol.asyncDispose]() {
      this.disposed = true;
      return Promise.resolve();
    },
  };
}
