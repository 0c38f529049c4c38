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
  /** Element type as stored; of codes where there is an `encoding`. */
  readonly dtype: WeightDtype;
  /** Dimensions of the values, outermost first. */
  readonly shape: readonly number[];
  /** Size as stored, in bytes, without scales that lie apart. */
  readonly byteLength: number;
  /** The bytes' place on disk; absent when they exist in memory only or are computed when read. */
  readonly file?: FileRange;
  /** What the stored elements stand for; absent where they are the values themselves. */
  readonly encoding?: WeightEncoding;
}

/**
 * How codes stand for values. It is said where a file is opened, whatever the file calls its scales; they are no tensors
 * of their own among the {@linkcode Weights}.
 */
export type WeightEncoding = ScaledEncoding | BlockEncoding;

/** Value = code · scale, codes of an ordinary element type. */
export interface ScaledEncoding {
  /** Tells it apart. */
  readonly kind: "scaled";
  /** The scales. */
  readonly scale: WeightPart;
  /** The dimension along which scales differ; absent where one scale serves the whole tensor. */
  readonly axis?: 0;
}

/** Blocks of codes with their scales between them, as ggml has them; the element type is U8, of bytes. */
export interface BlockEncoding {
  /** ggml's name of the type. */
  readonly kind: BlockKind;
  /** Values of a block; blocks follow the order of the elements. */
  readonly block: number;
}

/** Types of ggml that are read. */
export type BlockKind =
  | "Q8_0"
  | "Q4_0"
  | "Q4_1"
  | "Q5_0"
  | "Q5_1"
  | "Q2_K"
  | "Q3_K"
  | "Q4_K"
  | "Q5_K"
  | "Q6_K"
  | "IQ4_NL"
  | "IQ4_XS";

/** Numbers that belong to an encoded tensor. */
export interface WeightPart extends Omit<WeightInfo, "encoding"> {
  /** Their bytes as stored, little-endian; the array is the caller's to change. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
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
