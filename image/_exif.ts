/** Writes the comment of a JPEG or WebP file, where image programs keep the parameters of a picture: EXIF's UserComment. */
import type { ImageFormat } from "./_header.ts";
import { withWebpExif } from "./_webp_chunks.ts";

/** An APP1 segment of a JPEG file holds this much, in bytes. */
const longestSegment = 0xffff - 2;

/** How EXIF says that a comment is in UTF-16: eight bytes before it. */
const unicode = "UNICODE\0";

/** The file with a comment in UTF-16, as A1111's web UI writes it. */
export function withUserComment(
  bytes: Uint8Array,
  format: Exclude<ImageFormat, "png">,
  text: string,
): Uint8Array<ArrayBuffer> {
  const exif = exifOf(joined(binary(unicode), utf16(text)));
  return format === "webp" ? withWebpExif(bytes, exif) : withJpegExif(bytes, exif);
}

/** In a segment of its own behind the file's first two bytes. */
function withJpegExif(bytes: Uint8Array, exif: Uint8Array): Uint8Array<ArrayBuffer> {
  const content = joined(binary("Exif\0\0"), exif);
  if (content.length > longestSegment) {
    throw new RangeError(
      `Cannot write the picture's parameters: they take ${content.length} bytes, expected at most ${longestSegment} ` +
        `in a JPEG file. Keep it as PNG or WebP.`,
    );
  }
  const head = Uint8Array.of(0xff, 0xe1, ...bigEndian(content.length + 2, 2));
  return joined(bytes.subarray(0, 2), head, content, bytes.subarray(2));
}

/**
 * TIFF data that hold a comment alone: a directory that points to EXIF's own, and this one with the comment. Written
 * here because the npm libraries that write EXIF give it the type of a text, where the standard and all readers want
 * bytes of no type.
 */
function exifOf(comment: Uint8Array): Uint8Array {
  const [long, undefinedBytes] = [4, 7];
  const directory = (tag: number, type: number, count: number, value: number) => [
    ...bigEndian(1, 2),
    ...bigEndian(tag, 2),
    ...bigEndian(type, 2),
    ...bigEndian(count, 4),
    ...bigEndian(value, 4),
    ...bigEndian(0, 4), // no further directory
  ];
  const [first, length] = [8, 18]; // where directories begin, and how long they are
  return joined(
    binary("MM\0*"),
    Uint8Array.from(bigEndian(first, 4)),
    Uint8Array.from(directory(0x8769, long, 1, first + length)),
    Uint8Array.from(directory(0x9286, undefinedBytes, comment.length, first + 2 * length)),
    comment,
  );
}

function utf16(text: string): Uint8Array {
  return Uint8Array.from(text.split("").flatMap((unit) => bigEndian(unit.charCodeAt(0), 2)));
}

/** The low `length` bytes of a whole number below 2³², the highest first. */
function bigEndian(value: number, length: number): number[] {
  return Array.from({ length }, (_, i) => (value >>> 8 * (length - 1 - i)) & 0xff);
}

function binary(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
