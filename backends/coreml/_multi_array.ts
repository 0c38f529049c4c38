/**
 * Tensors and `MLMultiArray`.
 *
 * Inputs are our own memory, wrapped without a copy where the element type is the model's. Outputs are Core ML's
 * memory, in which rows may be padded (the Neural Engine aligns them), so they are read by their strides.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import { sizeOf, type Tensor, type TensorData } from "../../core/tensor.ts";
import { attempt, fromNSNumbers, toNSNumbers } from "./_foundation.ts";
import type { Id, ObjectiveC } from "./_objc.ts";

/** Element types of multi-arrays that this backend passes. */
export type ElementType = "float16" | "float32" | "float64" | "int32";

/** `MLMultiArrayDataType`: the family in the upper half, the bits in the lower. */
const codes: Readonly<Record<ElementType, bigint>> = {
  float16: 0x10000n | 16n,
  float32: 0x10000n | 32n,
  float64: 0x10000n | 64n,
  int32: 0x20000n | 32n,
};

type Elements =
  | Float16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>;

/**
 * The element type of a multi-array or of its constraint.
 *
 * @throws {UnsupportedModelError} If it is none of ours.
 */
export function elementType(objc: ObjectiveC, array: Id): ElementType {
  const code = objc.send(array, "dataType");
  for (const [type, known] of Object.entries(codes)) if (known === code) return type as ElementType;
  throw new UnsupportedModelError(
    `Cannot use a multi-array of data type ${code}: expected ${Object.keys(codes).join(", ")}.`,
  );
}

/**
 * Wraps a tensor in a multi-array. The memory is pushed to `borrowed`: whoever owns the list keeps it alive for
 * as long as the multi-array may be in use. (So the deallocator block is nil: Core ML never frees our memory. And
 * it is the `ArrayBuffer` that is kept: small typed arrays may live in V8's heap, and move there, until theirs is
 * asked for.)
 */
export function wrap(
  objc: ObjectiveC,
  { data, shape }: Tensor<TensorData>,
  type: ElementType,
  borrowed: ArrayBuffer[],
): Id {
  const elements = toElements(data, type);
  borrowed.push(elements.buffer);
  return attempt(objc, `wrap a tensor of shape [${shape}]`, (error) =>
    objc.make(
      "MLMultiArray",
      "initWithDataPointer:shape:dataType:strides:deallocator:error:",
      elements,
      toNSNumbers(objc, shape),
      codes[type],
      toNSNumbers(objc, denseStrides(shape)),
      null,
      error,
    ));
}

/** Copies a multi-array to a dense tensor: integers as they are, all else as float32. */
export function read(objc: ObjectiveC, array: Id): Tensor<Float32Array | Int32Array> {
  const shape = shapeOf(objc, array);
  const strides = fromNSNumbers(objc, objc.send(array, "strides"));
  const span = sizeOf(shape) === 0
    ? 0
    : shape.reduce((last, size, axis) => last + (size - 1) * strides[axis]!, 1);
  const stored = allocate(elementType(objc, array), span);
  if (span > 0) Deno.UnsafePointerView.copyInto(objc.get(array, "dataPointer"), stored);
  return { data: pack(stored, shape, strides), shape };
}

/** The shape of a multi-array. */
export function shapeOf(objc: ObjectiveC, array: Id): number[] {
  return fromNSNumbers(objc, objc.send(array, "shape"));
}

/** Row-major strides, in elements. */
function denseStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Gathers elements that lie at strides into dense row-major order, and widens them. */
function pack(
  stored: Elements,
  shape: readonly number[],
  strides: readonly number[],
): Float32Array | Int32Array {
  const Packed = stored instanceof Int32Array ? Int32Array : Float32Array;
  const dense = denseStrides(shape);
  if (shape.every((size, axis) => size === 1 || strides[axis] === dense[axis])) {
    return stored instanceof Packed ? stored : new Packed(stored);
  }
  const packed = new Packed(sizeOf(shape));
  const [width, step] = [shape.at(-1)!, strides.at(-1)!];
  for (let row = 0; row < packed.length; row += width) {
    let start = 0;
    for (let axis = 0; axis < shape.length - 1; axis++) {
      start += (Math.floor(row / dense[axis]!) % shape[axis]!) * strides[axis]!;
    }
    for (let x = 0; x < width; x++) packed[row + x] = stored[start + x * step]!;
  }
  return packed;
}

/** The same memory where the type is right already, else a converted copy. */
function toElements(data: TensorData, type: ElementType): Elements {
  const right = type === "float32"
    ? data instanceof Float32Array
    : type === "int32" && data instanceof Int32Array;
  if (right) return data as Elements;
  const elements = allocate(type, data.length);
  elements.set(data instanceof BigInt64Array ? Array.from(data, Number) : data);
  return elements;
}

function allocate(type: ElementType, length: number): Elements {
  switch (type) {
    case "float16":
      return new Float16Array(length);
    case "float32":
      return new Float32Array(length);
    case "float64":
      return new Float64Array(length);
    case "int32":
      return new Int32Array(length);
  }
}
