/**
 * Named tensors at rest: the contract that files, merged adapters and quantised models share.
 *
 * @module
 */

/** Element types of the safetensors format. */
export type WeightDtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

/** Where a tensor's bytes lie in a file, so that a runtime can map them itself. */
export interface FileRange {
  /** Path of the file. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/** A tensor's description. */
export interface WeightInfo {
  /** Element type as stored. */
  readonly dtype: WeightDtype;
  /** Dimensions, outermost first. */
  readonly shape: readonly number[];
  /** Size as stored, in bytes. */
  readonly byteLength: number;
  /** The bytes' place on disk; absent when they exist in memory only or are computed when read. */
  readonly file?: FileRange;
}

/** A set of named tensors, read one by one and only when asked for. */
export interface Weights extends AsyncDisposable {
  /** Names of all tensors. */
  names(): Iterable<string>;
  /** Description of a tensor, or `undefined` when there is none of that name. */
  info(name: string): WeightInfo | undefined;
  /**
   * The tensor's bytes as stored, little-endian. The array is the caller's to change.
   *
   * @throws {WeightsError} If there is no such tensor or its bytes cannot be read.
   */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
}
