/**
 * Between the element types of files and those that networks compute in. All on the host; bytes are
 * little-endian, as in the files and on every platform that runs JavaScript.
 *
 * Half precision is converted by integer arithmetic on the bits: as fast as `Float16Array` where there is one
 * (both about 300 million elements a second), and the same everywhere.
 *
 * @module
 */
import { elementSize } from "./dtype.ts";
import type { WeightDtype } from "./weights.ts";

/**
 * Any elements to float32. Exact for all types of up to 24 significant bits; F64 and wide integers are
 * rounded to nearest. A boolean becomes 0 or 1.
 *
 * @param bytes Elements as stored; for F32 the result may share their memory.
 * @throws {RangeError} If the bytes are no whole number of elements.
 *
 * @example
 * ```ts
 * import { toFloat32 } from "@mobile-diffusion/sdk/weights";
 *
 * console.log(toFloat32(new Uint8Array([0x80, 0x3f, 0x00, 0xc0]), "BF16")); // [ 1, -2 ]
 * ```
 */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: WeightDtype): Float32Array<ArrayBuffer> {
  const size = elementSize(dtype);
  if (bytes.length % size !== 0) {
    throw new RangeError(
      `Cannot convert ${bytes.length} bytes from ${dtype}: expected a multiple of ${size}.`,
    );
  }
  const { buffer, byteOffset } = aligned(bytes, size);
  const length = bytes.length / size;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F16":
      return widenFloat16(new Uint16Array(buffer, byteOffset, length));
    case "BF16":
      return widenBfloat16(new Uint16Array(buffer, byteOffset, length));
    case "F8_E4M3":
      return lookUp(bytes, Float32Array.from({ length: 256 }, (_, bits) => float8E4M3(bits)));
    case "F8_E5M2":
      // the upper half of a float16
      return lookUp(bytes, widenFloat16(Uint16Array.from({ length: 256 }, (_, bits) => bits << 8)));
    case "F64":
      return new Float32Array(new Float64Array(buffer, byteOffset, length));
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number);
    case "U64":
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, length), Number);
    case "I32":
      return new Float32Array(new Int32Array(buffer, byteOffset, length));
    case "U32":
      return new Float32Array(new Uint32Array(buffer, byteOffset, length));
    case "I16":
      return new Float32Array(new Int16Array(buffer, byteOffset, length));
    case "U16":
      return new Float32Array(new Uint16Array(buffer, byteOffset, length));
    case "I8":
      return new Float32Array(new Int8Array(buffer, byteOffset, length));
    case "U8":
      return new Float32Array(bytes);
    case "BOOL":
      return Float32Array.from(bytes, (value) => value === 0 ? 0 : 1);
  }
}

/**
 * Float32 to the bits of float16, rounded to nearest, halves to even. Beyond ±65504 it becomes infinite.
 *
 * @example
 * ```ts
 * import { toFloat16 } from "@mobile-diffusion/sdk/weights";
 *
 * console.log(toFloat16(new Float32Array([1, -2, 1e6]))); // [ 0x3c00, 0xc000, 0x7c00 ]
 * ```
 */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const result = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    let half: number;
    if (magnitude < 0x38800000) { // below 2⁻¹⁴: subnormal, a multiple of 2⁻²⁴; adding 2⁵² rounds to one
      half = Math.abs(values[i]!) * 2 ** 24 + 2 ** 52 - 2 ** 52;
    } else if (magnitude < 0x47800000) { // below 2¹⁶: rebase the exponent, round away 13 bits of the fraction
      half = magnitude - 0x38000000 + 0xfff + (magnitude >>> 13 & 1) >>> 13;
    } else {
      half = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00; // NaN, or infinite
    }
    result[i] = bits[i]! >>> 16 & 0x8000 | half;
  }
  return result;
}

/** The same bytes where a typed array of elements of that size may begin. */
function aligned(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

function widenFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(halves.length);
  const bits = new Uint32Array(result.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const special = (half & 0x7c00) === 0x7c00 ? 0x7f800000 : 0; // infinite or NaN
    bits[i] = (half & 0x8000) << 16 | (half & 0x7fff) << 13 | special;
    result[i]! *= 2 ** 112; // the exponents' biases differ by 112; this also normalises subnormals
  }
  return result;
}

function widenBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** The value of every byte in a table of all 256. */
function lookUp(bytes: Uint8Array, table: Float32Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) result[i] = table[bytes[i]!]!;
  return result;
}

/** Four bits of exponent, three of fraction, no infinity (Micikevicius et al. 2022, table 1). */
function float8E4M3(bits: number): number {
  const exponent = bits >> 3 & 15;
  const fraction = bits & 7;
  if (exponent === 15 && fraction === 7) return NaN;
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}
