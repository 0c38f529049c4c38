/**
 * The container of a WebP file: RIFF chunks of a name, a length and data, padded to an even length. The pixels are left
 * to libwebp, whose WASM build writes no EXIF.
 */
import { damaged, readHeader } from "./_header.ts";

const exifFlag = 0x08;
const alphaFlag = 0x10;

interface Chunk {
  readonly name: string;
  readonly data: Uint8Array;
}

/**
 * The file with an EXIF chunk, in place of the one that it may have.
 *
 * @param exif TIFF data, without the `Exif` signature that JPEG puts before it.
 */
export function withWebpExif(bytes: Uint8Array, exif: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunks = [...webpChunks(bytes)].filter(({ name }) => name !== "EXIF" && name !== "VP8X");
  return riff([extendedHeader(bytes), ...chunks, { name: "EXIF", data: exif }]);
}

function* webpChunks(bytes: Uint8Array): Generator<Chunk, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length;) {
    const end = at + 8 + view.getUint32(at + 4, true);
    if (end > bytes.length) throw damaged("webp", "it ends within a chunk");
    yield { name: String.fromCharCode(...bytes.subarray(at, at + 4)), data: bytes.subarray(at + 8, end) };
    at = end + end % 2;
  }
}

/** The header that a file with more than pixels begins with: flags, and the size less one in 24 bits each. */
function extendedHeader(bytes: Uint8Array): Chunk {
  const [first] = webpChunks(bytes);
  const { width, height } = readHeader(bytes);
  const data = new Uint8Array(10);
  const view = new DataView(data.buffer);
  const hasAlpha = first?.name === "VP8L" && ((first.data[4] ?? 0) & 0x10) !== 0;
  const flags = first?.name === "VP8X" ? first.data[0]! : hasAlpha ? alphaFlag : 0;
  view.setUint32(4, width - 1, true);
  view.setUint16(7, (height - 1) & 0xffff, true);
  data[9] = (height - 1) >>> 16;
  data[0] = flags | exifFlag;
  return { name: "VP8X", data };
}

function riff(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const padded = (length: number) => length + length % 2;
  const file = new Uint8Array(12 + chunks.reduce((sum, { data }) => sum + 8 + padded(data.length), 0));
  const view = new DataView(file.buffer);
  const write = (text: string, at: number) => file.set(new TextEncoder().encode(text), at);
  write("RIFF", 0);
  view.setUint32(4, file.length - 8, true);
  write("WEBP", 8);
  let at = 12;
  for (const { name, data } of chunks) {
    write(name, at);
    view.setUint32(at + 4, data.length, true);
    file.set(data, at + 8);
    at += 8 + padded(data.length);
  }
  return file;
}
