/** What a picture file says about itself in its first bytes, before anything is allocated for it. */

/** Kinds of files that are read and written here. */
export type ImageFormat = "png" | "jpeg" | "webp";

/** Kind and size of a picture. */
export interface Header {
  readonly format: ImageFormat;
  /** Pixels across, as stored. */
  readonly width: number;
  /** Pixels down, as stored. */
  readonly height: number;
}

/** Recognises a file by its content; its name does not count. */
export function readHeader(bytes: Uint8Array): Header {
  const format = sniff(bytes);
  if (format === undefined) {
    const begin = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const state = bytes.length === 0 ? "there are no bytes" : `it begins with ${begin}`;
    throw new TypeError(`Cannot decode the image: ${state}, expected a PNG, JPEG or WebP file.`);
  }
  let size: Size | undefined;
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    size = { png: pngSize, jpeg: jpegSize, webp: webpSize }[format](view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // RangeError: a read beyond the end
  }
  if (size === undefined || size.width === 0 || size.height === 0) {
    throw damaged(format, "its header gives no size or ends early");
  }
  return { format, ...size };
}

/** The error for a file that is not what it claims to be. */
export function damaged(format: ImageFormat, state: string, cause?: unknown): TypeError {
  const name = { png: "PNG", jpeg: "JPEG", webp: "WebP" }[format];
  return new TypeError(`Cannot decode the ${name} file: ${state}, expected a whole and valid file.`, {
    cause,
  });
}

type Size = Pick<Header, "width" | "height">;

function sniff(bytes: Uint8Array): ImageFormat | undefined {
  const begin = String.fromCharCode(...bytes.subarray(0, 12));
  if (begin.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (begin.startsWith("\xff\xd8\xff")) return "jpeg";
  if (begin.startsWith("RIFF") && begin.endsWith("WEBP")) return "webp";
  return undefined;
}

/** IHDR is the first chunk. */
function pngSize(view: DataView): Size | undefined {
  const ihdr = 0x49484452;
  if (view.getUint32(12) !== ihdr) return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Segments, each with its length, up to the first frame header SOF0 … SOF15. */
function jpegSize(view: DataView): Size | undefined {
  let at = 2;
  while (view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const otherThanFrame = [0xc4, 0xc8, 0xcc]; // Huffman tables, reserved, arithmetic conditioning
    if (marker >= 0xc0 && marker <= 0xcf && !otherThanFrame.includes(marker)) {
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2); // 0xff: a fill byte
  }
  return undefined;
}

/**
 * Number of scans of a JPEG file up to its end: each goes over all pixels again.
 *
 * @throws {TypeError} If it has several frames, the last of which would count.
 */
export function jpegScans(bytes: Uint8Array): number {
  let [at, scans, frames] = [2, 0, 0];
  while (at + 3 < bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0 || marker === 0xff || marker >= 0xd0 && marker <= 0xd7) {
      at = bytes.indexOf(0xff, at + 1); // pixels of a scan, and restarts in them
      if (at < 0) break;
      continue;
    }
    if (marker === 0xd9) break;
    if (marker === 0xd8) throw damaged("jpeg", "it begins twice");
    if (marker === 0xda) scans++;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) frames++;
    if (frames > 1 || marker === 0xdc) throw damaged("jpeg", "it gives its size twice");
    at += 2 + Math.max(2, bytes[at + 2]! * 256 + bytes[at + 3]!);
  }
  return scans;
}

/** The first chunk: a VP8 frame, a lossless bit stream, or the extended header. */
function webpSize(view: DataView): Size | undefined {
  const bits24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (view.getUint32(12)) {
    case 0x56503820: // "VP8 "
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 0x5650384c: { // "VP8L"
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 0x56503858: // "VP8X"
      return { width: bits24(24) + 1, height: bits24(27) + 1 };
    default:
      return undefined;
  }
}
