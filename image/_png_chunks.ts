/**
 * The container of a PNG file: a signature, then chunks of length, type, data and checksum.
 *
 * The pixels are left to fast-png; this is here because it neither writes iTXt nor bounds what it inflates.
 */
import { damaged } from "./_header.ts";

const signatureLength = 8;

/** A chunk; `data` and `whole` are views into the file. */
export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With length, type and checksum. */
  readonly whole: Uint8Array;
}

/** The chunks up to IEND. The signature is taken as read. */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = signatureLength; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) };
    if (type === "IEND") return;
    at = end;
  }
  throw damaged("png", "it ends within a chunk or before its last one");
}

/** A chunk's bytes, ready for a file. */
export function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) chunk[4 + i] = type.charCodeAt(i);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

/** A file of the same signature and these chunks. */
export function joinChunks(bytes: Uint8Array, chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = [bytes.subarray(0, signatureLength), ...chunks];
  const file = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** CRC-32 of ISO 3309, bit by bit: it runs over short texts only. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
