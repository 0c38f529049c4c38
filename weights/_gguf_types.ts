/** Element types of GGUF files, by ggml's numbers. */
import type { BlockKind, WeightDtype } from "./weights.ts";

/** A type whose values are given. */
export interface GgufType {
  readonly name: string;
  /** Values of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** The ordinary type that it is; absent where blocks are encoded. */
  readonly dtype?: WeightDtype;
}

/** All types that are read. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map<number, GgufType>([
  [0, plain("F32", 4)],
  [1, plain("F16", 2)],
  [2, blocks("Q4_0", 32, 18)],
  [3, blocks("Q4_1", 32, 20)],
  [6, blocks("Q5_0", 32, 22)],
  [7, blocks("Q5_1", 32, 24)],
  [8, blocks("Q8_0", 32, 34)],
  [10, blocks("Q2_K", 256, 84)],
  [11, blocks("Q3_K", 256, 110)],
  [12, blocks("Q4_K", 256, 144)],
  [13, blocks("Q5_K", 256, 176)],
  [14, blocks("Q6_K", 256, 210)],
  [20, blocks("IQ4_NL", 32, 18)],
  [23, blocks("IQ4_XS", 256, 136)],
  [24, plain("I8", 1)],
  [25, plain("I16", 2)],
  [26, plain("I32", 4)],
  [27, plain("I64", 8)],
  [28, plain("F64", 8)],
  [30, plain("BF16", 2)],
]);

/** Types that are known by name and not read. */
export const unreadTypes: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
]);

/** Types that the format had once. */
export const removedTypes: ReadonlyMap<number, string> = new Map([
  [4, "Q4_2"],
  [5, "Q4_3"],
  [31, "Q4_0_4_4"],
  [32, "Q4_0_4_8"],
  [33, "Q4_0_8_8"],
  [36, "IQ4_NL_4_4"],
  [37, "IQ4_NL_4_8"],
  [38, "IQ4_NL_8_8"],
]);

function plain(dtype: WeightDtype, bytes: number): GgufType {
  return { name: dtype, block: 1, bytes, dtype };
}

function blocks(name: BlockKind, block: number, bytes: number): GgufType {
  return { name, block, bytes };
}
