/**
 * Text inside a PNG file, where image programs keep the parameters of a picture.
 *
 * @module
 */
import { damaged, readHeader } from "./_header.ts";
import { inflate } from "./_inflate.ts";
import { joinChunks, pngChunk, pngChunks } from "./_png_chunks.ts";

/** More than this, inflated, is not read: no prompt is that long. In bytes. */
const longestText = 2 ** 24;

/**
 * Reads every text of a PNG file by its keyword: `tEXt`, `zTXt` and `iTXt`. The last one counts where two
 * have the same keyword.
 *
 * @example
 * ```ts
 * import { encodeImage, readPngText } from "@mobile-diffusion/sdk/image";
 *
 * const pixel = { width: 1, height: 1, data: new Uint8Array(3) };
 * const file = await encodeImage(pixel, "png", { text: { parameters: "a cat" } });
 * await readPngText(file); // { parameters: "a cat" }
 * ```
 * @throws {TypeError} If it is not a PNG file, or a damaged one.
 */
export async function readPngText(bytes: Uint8Array): Promise<Record<string, string>> {
  if (readHeader(bytes).format !== "png") {
    throw new TypeError("Cannot read PNG text: this is another kind of file.");
  }
  const texts = new Map<string, string>();
  let left = longestText; // of all texts together
  const inflated = async (data: Uint8Array) => {
    const text = await inflateText(data, left);
    left -= text.length;
    return text;
  };
  for (const { type, data } of pngChunks(bytes)) {
    if (type !== "tEXt" && type !== "zTXt" && type !== "iTXt") continue;
    const [keyword, rest] = cutAtNull(data);
    if (type === "tEXt") texts.set(latin1(keyword), latin1(rest));
    else if (type === "zTXt") texts.set(latin1(keyword), latin1(await inflated(rest.subarray(1))));
    else {
      const [, translated] = cutAtNull(rest.subarray(2)); // after the language tag
      const [, text] = cutAtNull(translated);
      texts.set(latin1(keyword), new TextDecoder().decode(rest[0] === 0 ? text : await inflated(text)));
    }
  }
  return Object.fromEntries(texts);
}

/**
 * The file with texts behind its header: Latin-1 as `tEXt`, all other as `iTXt`, the way Pillow writes them.
 */
export function withPngText(
  bytes: Uint8Array,
  texts: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const [header, ...others] = [...pngChunks(bytes)].map(({ whole }) => whole);
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return joinChunks(bytes, [header!, ...chunks, ...others]);
}

function textChunk(keyword: string, text: string): Uint8Array {
  if (!/^[!-~\xa1-\xff](?:(?: ?[!-~\xa1-\xff]){0,78})$/.test(keyword) || keyword.length > 79) {
    throw new RangeError(
      `Cannot write the PNG text ${
        JSON.stringify(keyword)
      }: expected a keyword of 1 to 79 Latin-1 characters.`,
    );
  }
  const clean = text.replaceAll("\0", "\ufffd"); // the format has no way to write it
  const isLatin1 = [...clean].every((character) => character <= "\xff");
  if (isLatin1) return pngChunk("tEXt", latin1Bytes(`${keyword}\0${clean}`));
  // Not compressed, no language, no translated keyword.
  const [head, body] = [latin1Bytes(`${keyword}\0\0\0\0\0`), new TextEncoder().encode(clean)];
  return pngChunk("iTXt", new Uint8Array([...head, ...body]));
}

function cutAtNull(data: Uint8Array): [Uint8Array, Uint8Array] {
  const at = data.indexOf(0);
  if (at < 0) throw damaged("png", "a text in it has no keyword");
  return [data.subarray(0, at), data.subarray(at + 1)];
}

/**
 * Every byte is the code point of that number, which `TextDecoder("latin1")`, Windows' code page, would not
 * give.
 */
function latin1(data: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < data.length; at += 4096) {
    pieces.push(String.fromCharCode(...data.subarray(at, at + 4096)));
  }
  return pieces.join("");
}

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** At most `limit` bytes. */
async function inflateText(data: Uint8Array, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of inflate([data], limit)) pieces.push(piece.slice());
  } catch (cause) {
    throw damaged("png", "a text in it cannot be decompressed, or its texts are too long", cause);
  }
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
