/** Mutations from a seed: the same number gives the same file. */

import { crc32 } from "node:zlib";

/** Whole numbers from 0, below a bound. */
export type Below = (bound: number) => number;

/** Marsaglia's xorshift with 32 bits. */
export function randomBelow(seed: number): Below {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor((state >>> 0) / 2 ** 32 * bound);
  };
}

export function pick<T>(below: Below, list: readonly T[]): T {
  return list[below(list.length)]!;
}

/** One to four of: other bits, other bytes, less, more, a piece elsewhere, a large number. */
export function mutateBytes(bytes: Uint8Array, below: Below): Uint8Array {
  let made: Uint8Array = bytes.slice();
  for (let left = 1 + below(4); left > 0 && made.length > 0; left--) {
    const at = below(made.length);
    const length = 1 + below(Math.min(16, made.length - at));
    switch (below(7)) {
      case 0:
        made[at]! ^= 1 << below(8);
        break;
      case 1:
        made[at] = pick(below, [0, 1, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        made = made.slice(0, at);
        break;
      case 3:
        made = joined(made.subarray(0, at), made.subarray(at + length));
        break;
      case 4:
        made = joined(made.subarray(0, at), made.subarray(at, at + length), made.subarray(at));
        break;
      case 5:
        made.copyWithin(below(made.length), at, at + length);
        break;
      default:
        made.fill(pick(below, [0xff, 0]), at, at + pick(below, [2, 4, 8]));
    }
  }
  return made;
}

/** The same PNG with right checksums, as far as its chunks can be followed: what is inside is read then. */
export function withChecksums(png: Uint8Array): Uint8Array {
  const made = png.slice();
  const view = new DataView(made.buffer);
  for (let at = 8; at + 12 <= made.length;) {
    const length = view.getUint32(at);
    if (at + 12 + length > made.length) break;
    view.setUint32(at + 8 + length, crc32(made.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return made;
}

/** The same safetensors with another header. */
export function mutateHeader(file: Uint8Array, below: Below): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const bytes = new TextEncoder().encode(JSON.stringify(mutateJson(header, below)));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return joined(size, bytes, file.subarray(8 + length));
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const strange: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e9,
  1e15,
  1e308,
  -1e308,
  2 ** 53,
  "",
  "8",
  "\u001b[31m",
  "__proto__",
  [],
  {},
  [[]],
  [null],
  Array(1000).fill(1),
  "a".repeat(10_000),
];

/** One to three fields of a JSON value: another value, gone, or there twice. */
export function mutateJson(json: unknown, below: Below): unknown {
  let made = json;
  for (let left = 1 + below(3); left > 0; left--) made = mutateOnce(made, below);
  return made;
}

function mutateOnce(json: unknown, below: Below): unknown {
  if (typeof json !== "object" || json === null || below(6) === 0) return pick(below, strange);
  if (Array.isArray(json)) {
    if (json.length === 0) return [pick(below, strange)];
    const at = below(json.length);
    switch (below(4)) {
      case 0:
        return json.toSpliced(at, 1);
      case 1:
        return json.toSpliced(at, 0, json[at]);
      default:
        return json.with(at, mutateOnce(json[at], below));
    }
  }
  const entries = Object.entries(json);
  if (entries.length === 0) return { [pick(below, ["type", "model", "a"])]: pick(below, strange) };
  const at = below(entries.length);
  const [name, value] = entries[at]!;
  return Object.fromEntries(
    below(5) === 0 ? entries.toSpliced(at, 1) : entries.with(at, [name, mutateOnce(value, below)]),
  );
}

/** A text of the characters that mean something. */
export function strangeText(alphabet: readonly string[], most: number, below: Below): string {
  return Array.from({ length: below(most) }, () => pick(below, alphabet)).join("");
}
