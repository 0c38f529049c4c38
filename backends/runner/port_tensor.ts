/**
 * Tensors as a program declares them, and the way there and back. The SDK's tensors are float32, int32, int64 or
 * uint8; a program's inputs may be of any type (half-precision exports, int64 timesteps, float64 scales).
 *
 * @module
 */
import { sizeOf, type Tensor, type TensorData } from "../../core/tensor.ts";
import { toFloat16, toFloat32 } from "../../weights/convert.ts";
import type { Port } from "../backend.ts";
import type { PortData, PortTensor } from "./session.ts";

/**
 * Converts a tensor to what a port takes. Floating-point numbers for an integer port are rounded to nearest; a
 * single element fits every port whose free sizes can be 1 (a timestep may be declared `[]`, `[1]` or `["rows"]`).
 *
 * @throws {TypeError} If the rank differs, or no conversion leads to the port's type.
 * @throws {RangeError} If a size differs from the declared one.
 */
export function toPort(tensor: Tensor<TensorData>, port: Port, program: string): PortTensor {
  const { data, shape } = tensor;
  const encode = encoders[port.dtype];
  if (encode === undefined) {
    throw new TypeError(
      `Cannot run ${program}: input "${port.name}" is declared ${port.dtype}, which has no conversion.`,
    );
  }
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot run ${program}: input "${port.name}" has ${data.length} elements, but its shape [${shape}] holds ${
        sizeOf(shape)
      }.`,
    );
  }
  const dims = fit(shape, port, program);
  return { type: port.dtype, data: encode(data), dims };
}

/** Checks a shape against a port's and gives the one to run with. */
export function fit(shape: readonly number[], port: Port, program: string): readonly number[] {
  const single = shape.length !== port.shape.length && sizeOf(shape) === 1;
  const dims = single ? port.shape.map(() => 1) : shape;
  if (dims.length !== port.shape.length) {
    throw new TypeError(
      `Cannot run ${program}: input "${port.name}" has shape [${shape}], expected ${port.shape.length} dimensions, ` +
        `[${port.shape}].`,
    );
  }
  if (port.shape.some((size, i) => typeof size === "number" && size !== dims[i])) {
    throw new RangeError(
      `Cannot run ${program}: input "${port.name}" has shape [${shape}], expected [${port.shape}].`,
    );
  }
  return dims;
}

/** Converts a program's output to a tensor of the SDK. */
export function fromPort({ type, data, dims }: PortTensor): Tensor<TensorData> {
  const decode = decoders[type];
  if (decode === undefined) {
    throw new TypeError(`Cannot read an output of type ${type}: it has no conversion.`);
  }
  return { data: decode(data), shape: dims };
}

/** Views bytes as the elements of a type. */
export function viewAs(type: string, buffer: ArrayBuffer, byteOffset = 0, length?: number): PortData {
  const View = arrays[type];
  if (View === undefined) throw new TypeError(`Cannot hold a tensor of type ${type}.`);
  return new View(buffer, byteOffset, length);
}

const arrays: Readonly<
  Record<string, new (buffer: ArrayBuffer, offset?: number, length?: number) => PortData>
> = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  bool: Uint8Array,
};

const encoders: Readonly<Record<string, (data: TensorData) => PortData>> = {
  float32: floats,
  float16: (data) => toFloat16(floats(data)),
  float64: (data) => Float64Array.from<number | bigint>(data, Number),
  int8: (data) => Int8Array.from<number | bigint>(data, whole),
  int16: (data) => Int16Array.from<number | bigint>(data, whole),
  int32: (data) => data instanceof Int32Array ? data : Int32Array.from<number | bigint>(data, whole),
  int64: (data) =>
    data instanceof BigInt64Array ? data : BigInt64Array.from(data, (value) => BigInt(whole(value))),
  uint8: (data) => data instanceof Uint8Array ? data : Uint8Array.from<number | bigint>(data, whole),
  uint16: (data) => Uint16Array.from<number | bigint>(data, whole),
  uint32: (data) => Uint32Array.from<number | bigint>(data, whole),
  bool: (data) => Uint8Array.from<number | bigint>(data, (value) => Number(value) === 0 ? 0 : 1),
};

const decoders: Readonly<Record<string, (data: PortData) => TensorData>> = {
  float32: (data) => data as Float32Array,
  float16: ({ buffer, byteOffset, byteLength }) =>
    toFloat32(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), "F16"),
  float64: (data) => Float32Array.from<number | bigint>(data, Number),
  int8: integers,
  int16: integers,
  int32: (data) => data as Int32Array,
  int64: (data) => data as BigInt64Array,
  uint8: (data) => data as Uint8Array,
  uint16: integers,
  uint32: integers,
  bool: (data) => data as Uint8Array,
};

function floats(data: TensorData): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from<number | bigint>(data, Number);
}

function integers(data: PortData): Int32Array {
  return Int32Array.from<number | bigint>(data, Number);
}

function whole(value: number | bigint): number {
  return Math.round(Number(value));
}
