/** PNG pixels by fast-png: pure JavaScript, so that the format of every result needs no permission at all. */
import { convertIndexedToRgb, decode, type DecodedPng, encode } from "fast-png";
import type { Image } from "../core/image.ts";
import { damaged } from "./_header.ts";
import { inflate } from "./_inflate.ts";
import { joinChunks, type PngChunk, pngChunks } from "./_png_chunks.ts";
import { rgbFrom } from "./_rgb.ts";

/**
 * Pixels of a PNG file. Only what they need is handed on: a colour profile could be a decompression bomb too.
 */
export async function decodePng(bytes: Uint8Array): Promise<Image> {
  const needed = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];
  const chunks = [...pngChunks(bytes)].filter(({ type }) => needed.includes(type));
  if (chunks.filter(({ type }) => type === "IHDR").length !== 1 || chunks[0]!.type !== "IHDR") {
    throw damaged("png", "it has several headers, or does not begin with one"); // the last would decide its size
  }
  await checkSize(chunks);
  let png: DecodedPng;
  let pixels: Uint8Array;
  try {
    png = decode(joinChunks(bytes, chunks.map(({ whole }) => whole)), { checkCrc: true });
    pixels = toBytes(png);
  } catch (cause) {
    throw damaged("png", cause instanceof Error ? cause.message : "its pixels cannot be read", cause);
  }
  return { width: png.width, height: png.height, data: rgbFrom(pixels, png.width * png.height) };
}

/** A PNG file of a picture. */
export function encodePng({ width, height, data }: Image): Uint8Array {
  return encode({ width, height, data, channels: 3 }, { zlib: { level: 6 } });
}

/** fast-png inflates without a limit, so the size of what will come out is checked first. */
async function checkSize(chunks: readonly PngChunk[]): Promise<void> {
  const expected = rawLength(chunks[0]!.data);
  const stream = chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);
  let length = 0;
  try {
    for await (const piece of inflate(stream, expected)) length += piece.length;
  } catch (cause) {
    const state = cause instanceof RangeError
      ? "it holds more pixels than its header says"
      : "its pixels are damaged";
    throw damaged("png", state, cause);
  }
  if (length < expected) throw damaged("png", "it holds fewer pixels than its header says");
}

/** Bytes of all lines, each with its filter byte, in one pass or in the seven of Adam7. */
function rawLength(ihdr: Uint8Array): number {
  const view = new DataView(ihdr.buffer, ihdr.byteOffset, ihdr.byteLength);
  const [width, height, depth] = [view.getUint32(0), view.getUint32(4), ihdr[8]!];
  const samples = ({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as Record<number, number>)[ihdr[9]!];
  if (samples === undefined) throw damaged("png", `its colour type is ${ihdr[9]}`);
  const interlaced = ihdr[12] === 1;
  if (interlaced && depth < 8) {
    throw new TypeError(
      `Cannot decode the PNG file: it is interlaced with ${depth} bits a sample, expected 8 or 16.`,
    );
  }
  const passes = interlaced
    ? [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [
      0,
      1,
      1,
      2,
    ]] as const
    : [[0, 0, 1, 1]] as const;
  let length = 0;
  for (const [x, y, dx, dy] of passes) {
    const [across, down] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    if (across > 0 && down > 0) length += down * (1 + Math.ceil(across * samples * depth / 8));
  }
  return length;
}

/** Sixteen bits a sample to eight; `Uint8Array.from` with a function would first make a list of all numbers. */
function eightBits(data: Uint16Array): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = Math.round(data[i]! / 257);
  return result;
}

/** Eight bits a sample, a palette resolved, a transparent colour made an alpha channel. */
function toBytes(png: DecodedPng): Uint8Array {
  const { data, depth, channels } = png;
  const transparent = png.transparency;
  if (png.palette !== undefined) return convertIndexedToRgb(png);
  if (depth < 8) {
    const top = 2 ** depth - 1;
    const levels = Array.from({ length: top + 1 }, (_, level) => {
      const grey = Math.round(level / top * 255);
      return [grey, grey, grey, transparent?.[0] === level ? 0 : 255];
    });
    return convertIndexedToRgb({ ...png, palette: levels });
  }
  const eight = data instanceof Uint16Array ? eightBits(data) : data;
  if (transparent === undefined) return new Uint8Array(eight.buffer, eight.byteOffset, eight.byteLength);
  const pixels = data.length / channels;
  const result = new Uint8Array(pixels * (channels + 1));
  for (let i = 0; i < pixels; i++) {
    let same = true;
    for (let c = 0; c < channels; c++) {
      result[i * (channels + 1) + c] = eight[i * channels + c]!;
      same &&= data[i * channels + c] === transparent[c];
    }
    result[i * (channels + 1) + channels] = same ? 0 : 255;
  }
  return result;
}
