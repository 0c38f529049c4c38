/**
 * Reads the reference fixtures. Tests only: the SDK's own reader is `weights/safetensors.ts`, and a fixture that
 * was read by the code under test would prove little.
 *
 * @module
 */

/** One tensor of a fixture. */
export interface FixtureTensor<T extends FixtureData = FixtureData> {
  readonly data: T;
  readonly shape: readonly number[];
}

/** The typed arrays that fixtures hold. */
export type FixtureData = Float32Array | Float64Array | BigInt64Array | Uint8Array | Uint16Array;

/** The tensors of one fixture file. */
export class Fixture extends Map<string, FixtureTensor> {
  /** The tensor of this name, which must be float32. */
  float32(name: string): FixtureTensor<Float32Array> {
    const { data, shape } = this.get(name) ?? {};
    if (!(data instanceof Float32Array)) {
      throw new TypeError(`Fixture tensor "${name}" is absent or not float32.`);
    }
    return { data, shape: shape! };
  }

  /** The elements of a tensor of any number type, as numbers. */
  numbers(name: string): number[] {
    const tensor = this.get(name);
    if (tensor === undefined) throw new TypeError(`Fixture tensor "${name}" is absent.`);
    return Array.from<number | bigint, number>(tensor.data, Number);
  }
}

const root = new URL("./reference/", import.meta.url);

const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U8: Uint8Array,
  F16: Uint16Array,
  BF16: Uint16Array,
};

/** All tensors of `tests/reference/<path>`, a safetensors file. */
export async function readFixture(path: string): Promise<Fixture> {
  const bytes = await Deno.readFile(new URL(path, root));
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<
    string,
    { dtype: keyof typeof arrays; shape: number[]; data_offsets: [number, number] }
  > = JSON
    .parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const fixture = new Fixture();
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    fixture.set(name, { data: new arrays[dtype](bytes.slice(start + from, start + to).buffer), shape });
  }
  return fixture;
}

/** The JSON of `tests/reference/<path>`. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(path, root)));
}

/** Largest absolute difference of two arrays of the same length; NaN anywhere gives NaN. */
export function maxAbsDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return NaN;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
