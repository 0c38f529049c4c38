/**
 * The blocks of ggml: 32 or 256 values with their scales between them, little-endian. Layouts after `ggml-common.h`.
 * Values are worked out in double precision and rounded once, which gives the same float32 as ggml's steps.
 */
import type { BlockKind } from "./weights.ts";

/** Decodes the block that begins at byte `at` into `values` from `to` on. */
type Block = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void;

interface Layout {
  /** Values of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  readonly decode: Block;
}

/** Values and bytes of a block of each kind. */
export function blockSize(kind: BlockKind): Pick<Layout, "block" | "bytes"> {
  return layouts[kind];
}

/** The values of whole blocks. */
export function decodeBlocks(kind: BlockKind, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { block, bytes: size, decode } = layouts[kind];
  const count = bytes.length / size;
  const values = new Float32Array(count * block);
  for (let i = 0; i < count; i++) decode(bytes, i * size, values, i * block);
  return values;
}

/** A block of 32 values: `code(j)` and `code(j + 16)` of the low and the high nibble of byte j. */
function nibbles(
  start: number,
  value: (nibble: number, index: number, bytes: Uint8Array, at: number) => number,
  scale: (bytes: Uint8Array, at: number) => readonly [factor: number, offset: number],
): Block {
  return (bytes, at, values, to) => {
    const [factor, offset] = scale(bytes, at);
    for (let j = 0; j < 16; j++) {
      const byte = bytes[at + start + j]!;
      values[to + j] = factor * value(byte & 15, j, bytes, at) + offset;
      values[to + j + 16] = factor * value(byte >> 4, j + 16, bytes, at) + offset;
    }
  };
}

const factorOnly = (bytes: Uint8Array, at: number): readonly [number, number] => [half(bytes, at), -0];
const factorAndOffset = (bytes: Uint8Array, at: number): readonly [number, number] => [
  half(bytes, at),
  half(bytes, at + 2),
];
/** The fifth bit of code `index`, from the 32 bits at `place`. */
const fifth = (bytes: Uint8Array, place: number, index: number): number =>
  (bytes[place + (index >> 3)]! >> (index & 7) & 1) << 4;

const q2: Block = (bytes, at, values, to) => {
  const [d, min] = [half(bytes, at + 80), half(bytes, at + 82)];
  for (let group = 0; group < 16; group++) {
    const scale = bytes[at + group]!;
    const [factor, offset] = [d * (scale & 15), min * (scale >> 4)];
    const { byte, shift } = placeOf(group);
    for (let i = 0; i < 16; i++) {
      values[to + 16 * group + i] = factor * (bytes[at + 16 + byte + i]! >> shift & 3) - offset;
    }
  }
};

const q3: Block = (bytes, at, values, to) => {
  const d = half(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const low = group < 8 ? bytes[at + 96 + group]! & 15 : bytes[at + 88 + group]! >> 4;
    const high = bytes[at + 104 + group % 4]! >> 2 * (group >> 2) & 3;
    const factor = d * ((low | high << 4) - 32);
    const { byte, shift } = placeOf(group);
    for (let i = 0; i < 16; i++) {
      const third = bytes[at + (byte & 16) + i]! >> (group >> 1) & 1;
      const code = (bytes[at + 32 + byte + i]! >> shift & 3) - (third === 1 ? 0 : 4);
      values[to + 16 * group + i] = factor * code;
    }
  }
};

/** Where the two bits of 16 values begin in the 64 bytes of Q2_K and Q3_K, and by how much they are shifted. */
function placeOf(group: number): { readonly byte: number; readonly shift: number } {
  return { byte: 32 * (group >> 3) + 16 * (group & 1), shift: group & 6 };
}

/** Q4_K and Q5_K: eight groups of 32 with 6-bit scales and minima; nibbles of two groups share bytes. */
function grouped(
  nibbleStart: number,
  high: (bytes: Uint8Array, at: number, group: number, i: number) => number,
): Block {
  return (bytes, at, values, to) => {
    const [d, min] = [half(bytes, at), half(bytes, at + 2)];
    const packed = at + 4;
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = group < 4 ? [bytes[packed + group]! & 63, bytes[packed + group + 4]! & 63] : [
        bytes[packed + group + 4]! & 15 | bytes[packed + group - 4]! >> 6 << 4,
        bytes[packed + group + 4]! >> 4 | bytes[packed + group]! >> 6 << 4,
      ];
      const [factor, offset] = [d * scale, min * minimum];
      const shift = 4 * (group & 1);
      for (let i = 0; i < 32; i++) {
        const nibble = bytes[at + nibbleStart + 32 * (group >> 1) + i]! >> shift & 15;
        values[to + 32 * group + i] = factor * (nibble + high(bytes, at, group, i)) - offset;
      }
    }
  };
}

const q6: Block = (bytes, at, values, to) => {
  const d = half(bytes, at + 208);
  for (let group = 0; group < 16; group++) {
    const factor = d * signed(bytes[at + 192 + group]!);
    const [part, row] = [group >> 3, group & 7]; // halves of 128; rows of 16
    const low = at + 64 * part + 16 * (row & 3);
    const high = at + 128 + 32 * part + 16 * (row & 1);
    for (let i = 0; i < 16; i++) {
      const code = bytes[low + i]! >> (row & 4) & 15 | (bytes[high + i]! >> (row & 6) & 3) << 4;
      values[to + 16 * group + i] = factor * (code - 32);
    }
  }
};

const iq4Xs: Block = (bytes, at, values, to) => {
  const d = half(bytes, at);
  const highs = bytes[at + 2]! | bytes[at + 3]! << 8;
  for (let group = 0; group < 8; group++) {
    const low = bytes[at + 4 + (group >> 1)]! >> 4 * (group & 1) & 15;
    const factor = d * ((low | (highs >> 2 * group & 3) << 4) - 32);
    for (let i = 0; i < 16; i++) {
      const byte = bytes[at + 8 + 16 * group + i]!;
      values[to + 32 * group + i] = factor * iq4Values[byte & 15]!;
      values[to + 32 * group + i + 16] = factor * iq4Values[byte >> 4]!;
    }
  }
};

const q8: Block = (bytes, at, values, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 32; i++) values[to + i] = d * signed(bytes[at + 2 + i]!);
};

/** The codebook of IQ4_NL and IQ4_XS. */
const iq4Values: readonly number[] = [
  -127,
  -104,
  -83,
  -65,
  -49,
  -35,
  -22,
  -10,
  1,
  13,
  25,
  38,
  53,
  69,
  89,
  113,
];

const layouts: Readonly<Record<BlockKind, Layout>> = {
  Q4_0: { block: 32, bytes: 18, decode: nibbles(2, (nibble) => nibble - 8, factorOnly) },
  Q4_1: { block: 32, bytes: 20, decode: nibbles(4, (nibble) => nibble, factorAndOffset) },
  Q5_0: {
    block: 32,
    bytes: 22,
    decode: nibbles(6, (nibble, i, bytes, at) => (nibble | fifth(bytes, at + 2, i)) - 16, factorOnly),
  },
  Q5_1: {
    block: 32,
    bytes: 24,
    decode: nibbles(8, (nibble, i, bytes, at) => nibble | fifth(bytes, at + 4, i), factorAndOffset),
  },
  Q8_0: { block: 32, bytes: 34, decode: q8 },
  Q2_K: { block: 256, bytes: 84, decode: q2 },
  Q3_K: { block: 256, bytes: 110, decode: q3 },
  Q4_K: { block: 256, bytes: 144, decode: grouped(16, () => 0) },
  Q5_K: {
    block: 256,
    bytes: 176,
    decode: grouped(48, (bytes, at, group, i) => (bytes[at + 16 + i]! >> group & 1) << 4),
  },
  Q6_K: { block: 256, bytes: 210, decode: q6 },
  IQ4_NL: { block: 32, bytes: 18, decode: nibbles(2, (nibble) => iq4Values[nibble]!, factorOnly) },
  IQ4_XS: { block: 256, bytes: 136, decode: iq4Xs },
};

function signed(byte: number): number {
  return byte << 24 >> 24;
}

/** The float16 at a place. */
function half(bytes: Uint8Array, at: number): number {
  const bits = bytes[at]! | bytes[at + 1]! << 8;
  const [exponent, fraction] = [bits >> 10 & 31, bits & 1023];
  const magnitude = exponent === 31
    ? (fraction === 0 ? Infinity : NaN)
    : exponent === 0
    ? fraction * 2 ** -24
    : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}
