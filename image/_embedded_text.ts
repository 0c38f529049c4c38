/** Texts beside the pixels of a JPEG or WebP file: EXIF's, XMP, and a JPEG's comment. */
import type { ImageFormat } from "./_header.ts";

/** How EXIF says what a comment is written in: eight bytes before it. */
const unicode = "UNICODE\0";
const ascii = "ASCII\0\0\0";
const japanese = "JIS\0\0\0\0\0";
const unsaid = "\0".repeat(8);

/** What PNG files call XMP. */
const xmpKeyword = "XML:com.adobe.xmp";

/**
 * The texts of a JPEG or WebP file by the keywords that a PNG file has for them: `parameters`, which is EXIF's comment
 * or a JPEG's own; XMP as it stands; and texts that begin with their keyword, as ComfyUI's `prompt:{…}` in tags that are
 * meant for cameras.
 */
export async function readEmbeddedTexts(
  bytes: Uint8Array,
  format: Exclude<ImageFormat, "png">,
): Promise<Record<string, string>> {
  const { exif = {}, xmp } = await tagsOf(bytes);
  const keyed = Object.values(exif).flatMap((tag) => {
    const [, keyword, text] = asciiText(valueOf(tag))?.match(/^(prompt|workflow):(\s*\{[^]*)$/) ?? [];
    return keyword === undefined ? [] : [[keyword, text!] as const];
  });
  const comment = decodeComment(valueOf(exif["UserComment"])) ??
    (format === "jpeg" ? jpegComment(bytes) : undefined);
  return {
    ...Object.fromEntries(keyed),
    ...xmp !== undefined && { [xmpKeyword]: xmp },
    ...comment !== undefined && { parameters: comment },
  };
}

interface Tags {
  readonly exif?: Readonly<Record<string, unknown>>;
  readonly xmp?: string;
}

async function tagsOf(bytes: Uint8Array): Promise<Tags> {
  const { default: reader } = await import("exifreader");
  try {
    const { exif, xmp } = reader.load(new Uint8Array(bytes).buffer, { expanded: true });
    return { ...exif !== undefined && { exif: { ...exif } }, ...xmp !== undefined && { xmp: xmp._raw } };
  } catch {
    return {}; // no metadata, or damaged ones: the picture may be whole
  }
}

/** Numbers of bytes, or, of a tag with the type of a text, its pieces between zeros; the library's types leave it open. */
function valueOf(tag: unknown): readonly unknown[] | undefined {
  const value = typeof tag === "object" && tag !== null && "value" in tag ? tag.value : undefined;
  return Array.isArray(value) ? value : undefined;
}

/** A tag with the type of a text. */
function asciiText(value: readonly unknown[] | undefined): string | undefined {
  return value !== undefined && typeof value[0] === "string" ? value.join("\0") : undefined;
}

/** Not all writers say a code, and not all that say one keep to it. */
function decodeComment(value: readonly unknown[] | undefined): string | undefined {
  const text = asciiText(value);
  if (text !== undefined) return text.replace(/^ASCII\0+/, "").replace(/\0+$/, "");
  if (value === undefined || value.length === 0) return undefined;
  const bytes = Uint8Array.from(value as readonly number[]);
  const [code, rest] = [String.fromCharCode(...bytes.subarray(0, 8)), bytes.subarray(8)];
  if (code === japanese) return new TextDecoder("iso-2022-jp").decode(rest);
  if (code === unicode && (rest.includes(0) || !isUtf8(rest))) {
    return new TextDecoder(isLittleEndian(rest) ? "utf-16le" : "utf-16be").decode(rest);
  }
  const known = code === unicode || code === ascii || code === unsaid;
  return new TextDecoder().decode(known ? rest : bytes).replace(/\0+$/, "");
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes) !== undefined;
  } catch {
    return false;
  }
}

/** Programs differ, and the order of the other tags says nothing: Latin letters have their zero first or last. */
function isLittleEndian(text: Uint8Array): boolean {
  if (text[0] === 0xff && text[1] === 0xfe) return true;
  let zeros = 0;
  for (let at = 0; at + 1 < text.length; at += 2) {
    zeros += Number(text[at + 1] === 0) - Number(text[at] === 0);
  }
  return zeros > 0;
}

/** The comment segment that stable-diffusion.cpp writes: `parameters`, a zero, the text. */
function jpegComment(bytes: Uint8Array): string | undefined {
  const [comment, scan, mark] = [0xfe, 0xda, "parameters\0"];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== scan;) {
    const length = bytes[at + 2]! << 8 | bytes[at + 3]!;
    const text = bytes[at + 1] === comment
      ? new TextDecoder().decode(bytes.subarray(at + 4, at + 2 + length))
      : "";
    if (text.startsWith(mark)) return text.slice(mark.length).replace(/\0+$/, "");
    at += 2 + length;
  }
  return undefined;
}
